// What the overlays share; each of them says by `covered` how it colours a pixel of the photo.

// Every overlay begins alike: nothing outside the photo, dimmed outside what the model saw, and inside what `covered` says.
@fragment
fn fs_main(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = vec2<i32>(position.xy);
    let x = column(at.x);
    let y = row(at.y);
    let place = min(x.place, y.place);
    if place == 0 {
        discard;
    }
    let below = photo_at(x, y);
    if place == 1 {
        return opaque(dimmed(below));
    }
    return opaque(covered(at, x, y, below));
}
