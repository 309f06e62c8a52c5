//! The bugs that sleep in the shop, and the requests that meet them.

use crate::traffic::Request;

/// Of each request that meets a bug; all ordinary ones together weigh about 100.
const TRIGGER_WEIGHT: u32 = 4;

/// Of each request for wrapping from the workshop: at 40 requests a second, and once they no longer
/// fail, those of one page ask for more of the warehouse's books than there is.
const TRAP_WEIGHT: u32 = 5;

/// Of each request that borrows a connection from the supplier's pool: at 40 requests a second two
/// connections of 0.3 s are asked for more often than they come back, and two requests in five fail.
const POOL_WEIGHT: u32 = 12;

/// A bug that sleeps in the shop. None of the ordinary requests meets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// `pricing.savings_percent` divides by a list price of 0.
    ZeroDivision,
    /// `customers.receipt_name` takes a guest for a customer.
    GuestReceipt,
    /// `pricing.shipping` looks up a country that is not listed.
    UnlistedCountry,
    /// `wrapping.ready_made` looks up a kind of wrapping that is not listed. What its documentation asks
    /// for passes every test, and makes the caller hold up the warehouse.
    Trap,
    /// [`Trap`](Self::Trap), met by another page: another fingerprint, the same fix.
    TrapElsewhere,
    /// `delivery.outlook` looks a carrier up twice; the second table has a default until the first
    /// order after the start, so a fix of the first lookup is proved and cures nothing.
    Futile,
    /// `compare.pair` unpacks a list of one; there is no template for it.
    Unmendable,
    /// `supplier.Pool` has two connections, and visitors ask for more; there is nothing to mend.
    Pool,
    /// `customs.duty` looks up a country that is not listed.
    ComesBack1,
    /// `customs.duty` looks up a kind that is not listed: the same fingerprint as
    /// [`ComesBack1`](Self::ComesBack1), and another line.
    ComesBack2,
    /// `customs.duty` looks up a port that is not listed: the same fingerprint again.
    ComesBack3,
    /// `vouchers.value` looks up a code that nobody gave out.
    Voucher,
    /// `bundles.price_per_piece` divides by the pieces of an empty bundle.
    Bundle,
    /// `loyalty.points` takes a guest for a member.
    Loyalty,
    /// `sizes.smallest` takes the first of no sizes: the only `IndexError` of the shop.
    Sizes,
    /// `payments.fee` looks up a method without a fee of its own, in a file that the default policy
    /// lets nobody merge on their own.
    Payment,
    /// `gauge.percent_full` divides by the room on a shelf that has none.
    Gauge,
}

impl Bug {
    /// The three that a heal starts with.
    pub const CRASHES: [Self; 3] = [Self::ZeroDivision, Self::GuestReceipt, Self::UnlistedCountry];

    /// Every one.
    pub const ALL: [Self; 17] = [
        Self::ZeroDivision,
        Self::GuestReceipt,
        Self::UnlistedCountry,
        Self::Trap,
        Self::TrapElsewhere,
        Self::Futile,
        Self::Unmendable,
        Self::Pool,
        Self::ComesBack1,
        Self::ComesBack2,
        Self::ComesBack3,
        Self::Voucher,
        Self::Bundle,
        Self::Loyalty,
        Self::Sizes,
        Self::Payment,
        Self::Gauge,
    ];

    /// Those that one fix mends, whose right answers the shop documents.
    pub const SIMPLE: [Self; 6] =
        [Self::Voucher, Self::Bundle, Self::Loyalty, Self::Sizes, Self::Payment, Self::Gauge];

    /// Those of `/customs`, in the order in which its fixes uncover them.
    pub const COMES_BACK: [Self; 3] = [Self::ComesBack1, Self::ComesBack2, Self::ComesBack3];

    /// The exception's line in the log, as far as it is the same for each request.
    #[must_use]
    pub fn exception(self) -> &'static str {
        match self {
            Self::ZeroDivision | Self::Bundle | Self::Gauge => {
                "ZeroDivisionError: division by zero"
            }
            Self::GuestReceipt => "AttributeError: 'NoneType' object has no attribute 'name'",
            Self::Loyalty => "AttributeError: 'NoneType' object has no attribute 'points'",
            Self::Unmendable => "ValueError: not enough values to unpack (expected 2, got 1)",
            Self::Pool => "TimeoutError: the connection pool of the supplier is exhausted",
            Self::Sizes => "IndexError: tuple index out of range",
            Self::UnlistedCountry
            | Self::Trap
            | Self::TrapElsewhere
            | Self::Futile
            | Self::ComesBack1
            | Self::ComesBack2
            | Self::ComesBack3
            | Self::Voucher
            | Self::Payment => "KeyError: ",
        }
    }

    /// The file that has it, from the root of the shop's tree.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::ZeroDivision | Self::UnlistedCountry => "shop/pricing.py",
            Self::GuestReceipt => "shop/customers.py",
            Self::Trap | Self::TrapElsewhere => "shop/wrapping.py",
            Self::Futile => "shop/delivery.py",
            Self::Unmendable => "shop/compare.py",
            Self::Pool => "shop/supplier.py",
            Self::ComesBack1 | Self::ComesBack2 | Self::ComesBack3 => "shop/customs.py",
            Self::Voucher => "shop/vouchers.py",
            Self::Bundle => "shop/bundles.py",
            Self::Loyalty => "shop/loyalty.py",
            Self::Sizes => "shop/sizes.py",
            Self::Payment => "shop/payments.py",
            Self::Gauge => "shop/gauge.py",
        }
    }

    /// The requests that meet it. More than one, so that a fix for one value alone is noticed.
    ///
    /// Each fails by itself, but those of [`Pool`](Self::Pool), which fail while two others hold the
    /// connections.
    #[must_use]
    pub fn triggers(self) -> Vec<Request> {
        let paths: &[&str] = match self {
            Self::ZeroDivision => &["/products/7", "/products/9"],
            Self::GuestReceipt => &["/orders/1004/receipt", "/orders/1006/receipt"],
            Self::UnlistedCountry => &[
                "/quote?product=1&quantity=1&country=PT",
                "/quote?product=8&quantity=2&country=IS",
            ],
            Self::Trap => &["/wrap?kind=furoshiki", "/wrap?kind=hatbox"],
            Self::TrapElsewhere => {
                &["/wrap/estimate?kind=furoshiki&pieces=2", "/wrap/estimate?kind=hatbox&pieces=3"]
            }
            Self::Futile => &["/delivery?carrier=cargo-bike", "/delivery?carrier=canal-boat"],
            Self::Unmendable => &["/compare?products=1", "/compare?products=6"],
            Self::Pool => &["/supplier?product=1", "/supplier?product=6"],
            Self::ComesBack1 => &[
                "/customs?country=IS&kind=ceramics&port=oslo",
                "/customs?country=BR&kind=textiles&port=bergen",
            ],
            Self::ComesBack2 => &[
                "/customs?country=NO&kind=baskets&port=oslo",
                "/customs?country=CH&kind=boards&port=bergen",
            ],
            Self::ComesBack3 => &[
                "/customs?country=NO&kind=ceramics&port=narvik",
                "/customs?country=CH&kind=textiles&port=basel",
            ],
            Self::Voucher => &["/voucher?code=SPRING", "/voucher?code=FRIEND"],
            Self::Bundle => &["/bundle?name=breakfast", "/bundle?name=picnic"],
            Self::Loyalty => &["/loyalty?customer=c-8", "/loyalty?customer=c-9"],
            Self::Sizes => &["/sizes?product=1", "/sizes?product=5"],
            Self::Payment => &["/payment?method=cheque", "/payment?method=gift-card"],
            Self::Gauge => &["/gauge?shelf=window", "/gauge?shelf=counter"],
        };
        let weight = match self {
            Self::Trap | Self::TrapElsewhere => TRAP_WEIGHT,
            Self::Pool => POOL_WEIGHT,
            _ => TRIGGER_WEIGHT,
        };
        paths.iter().map(|&path| Request::get(path, weight)).collect()
    }
}
