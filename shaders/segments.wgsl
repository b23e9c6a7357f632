// One label a pixel of the model's input, over the photo, with lines of one white and one black side between labels.

@group(0) @binding(3) var labels: texture_2d<u32>;
// Colour of label l at (l % 256, l / 256).
@group(0) @binding(4) var palette: texture_2d<f32>;

fn label_at(x: Axis, y: Axis) -> i32 {
    return i32(textureLoad(labels, vec2<i32>(x.label, y.label), 0).x);
}

// Whether a line runs between this label and that of a pixel some way off.
fn differs(label: i32, at: vec2<i32>) -> bool {
    let x = column(at.x);
    let y = row(at.y);
    if min(x.place, y.place) < 2 {
        return false;
    }
    let other = label_at(x, y);
    if uniforms.solo >= 0 {
        return (label == uniforms.solo) != (other == uniforms.solo);
    }
    return label != other;
}

fn line_towards(label: i32, at: vec2<i32>, step: i32) -> bool {
    return differs(label, at + vec2<i32>(step, 0)) || differs(label, at + vec2<i32>(0, step)) || differs(label, at + vec2<i32>(step, step));
}

// The colour of the label over the photo; `fs_main` of overlay.wgsl asks for it.
fn covered(at: vec2<i32>, x: Axis, y: Axis, below: vec3<f32>) -> vec3<f32> {
    let label = label_at(x, y);
    if uniforms.outlines == 1u && line_towards(label, at, uniforms.line) {
        return vec3<f32>(1.0, 1.0, 1.0);
    }
    if uniforms.outlines == 1u && line_towards(label, at, -uniforms.line) {
        return vec3<f32>(0.0, 0.0, 0.0);
    }
    if uniforms.solo >= 0 && label != uniforms.solo {
        return dimmed(below);
    }
    let colour = textureLoad(palette, vec2<i32>(label % 256, label / 256), 0).rgb;
    return mix(below, colour, uniforms.opacity);
}
