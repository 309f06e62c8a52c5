//! A clearance can't be read from storage.
fn read<T: for<'de> serde::Deserialize<'de>>() {}

fn main() {
    read::<aegis_core::policy::Clearance>();
}
