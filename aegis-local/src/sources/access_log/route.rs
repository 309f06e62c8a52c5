//! Which route a request belongs to.

/// Hexadecimal digits from which a segment is taken for an id.
const LONG_HEX: usize = 16;

/// The route of a request, with ids collapsed: `GET /products/{id}/rating`.
///
/// Segments that are numbers, UUIDs, or at least 16 hexadecimal digits with a decimal one among them
/// become `{id}`; the query and a scheme and host are cut off.
///
/// ```
/// use aegis_local::sources::route_of;
/// assert_eq!(route_of("GET", "/products/7/rating?full=1"), "GET /products/{id}/rating");
/// ```
pub fn route_of(method: &str, target: &str) -> String {
    let mut route = method.to_owned();
    route.push(' ');
    for (i, segment) in path_of(target).split('/').enumerate() {
        if i > 0 {
            route.push('/');
        }
        route.push_str(if is_id(segment) { "{id}" } else { segment });
    }
    route
}

/// The route of a request as it was asked, without query: `GET /products/7/rating`.
///
/// ```
/// use aegis_local::sources::exact_route;
/// assert_eq!(exact_route("GET", "/products/7/rating?full=1"), "GET /products/7/rating");
/// ```
pub fn exact_route(method: &str, target: &str) -> String {
    format!("{method} {}", path_of(target))
}

/// The path of a request's target, which may be in absolute form.
pub(in crate::sources) fn path_of(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find(['/', '?', '#']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { "/" } else { path }
}

fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    let digits = bytes.iter().any(u8::is_ascii_digit);
    bytes.iter().all(u8::is_ascii_digit)
        || (bytes.len() >= LONG_HEX && digits && bytes.iter().all(u8::is_ascii_hexdigit))
        || is_uuid(bytes)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_collapse_and_words_stay() {
        for (target, route) in [
            ("/", "GET /"),
            ("", "GET /"),
            ("?q=1", "GET /"),
            ("/products/7/rating", "GET /products/{id}/rating"),
            ("/products/", "GET /products/"),
            ("/o/550e8400-e29b-41d4-a716-446655440000", "GET /o/{id}"),
            ("/c/83daa46deadbeef0123456789abcdef", "GET /c/{id}"),
            ("/v2/cafe/deadbeef", "GET /v2/cafe/deadbeef"),
            ("/feedfacefeedfacefeed", "GET /feedfacefeedfacefeed"),
            ("/a//b", "GET /a//b"),
            ("http://shop.example:80/products/7?x=/y", "GET /products/{id}"),
            ("https://shop.example", "GET /"),
            ("/go?to=http://other/1", "GET /go"),
            ("*", "GET *"),
        ] {
            assert_eq!(route_of("GET", target), route, "{target}");
        }
        assert_eq!(exact_route("POST", "/orders/7?x#y"), "POST /orders/7");
    }

    proptest::proptest! {
        #[test]
        fn any_target_is_survived(target in ".{0,80}") {
            let _ = route_of("GET", &target);
        }
    }
}
