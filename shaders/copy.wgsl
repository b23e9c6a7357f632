// Puts a finished painting on the screen. A painting is drawn once and then only copied until it changes: a frame in which the
// pointer moves costs one texel a pixel.

@group(0) @binding(3) var painted: texture_2d<f32>;

// Blending was done on encoded values; a target that encodes by itself is handed what it will encode back to them.
fn decoded(encoded: vec3<f32>) -> vec3<f32> {
    let low = encoded / 12.92;
    let high = pow((encoded + 0.055) / 1.055, vec3<f32>(2.4, 2.4, 2.4));
    return select(high, low, encoded < vec3<f32>(0.04045, 0.04045, 0.04045));
}

@fragment
fn fs_main(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = clamp(vec2<i32>(position.xy) - uniforms.origin, vec2<i32>(0, 0), uniforms.size - 1);
    let texel = textureLoad(painted, at, 0);
    if texel.a == 0.0 {
        discard;
    }
    if uniforms.linear_target == 1u {
        return opaque(decoded(texel.rgb));
    }
    return opaque(texel.rgb);
}
