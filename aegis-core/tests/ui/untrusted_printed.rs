//! Text from production can't be printed.
fn main() {
    let text = aegis_core::redact::Untrusted::new("password=hunter2");
    println!("{text}");
}
