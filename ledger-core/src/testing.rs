//! What tests of every crate share: a disk that fails as disks do, and strategies for arbitrary
//! values, so that every property meets the same hostile ones.
//!
//! Strategies are boundary-heavy: the ends of a range are as likely as its middle.

/// The canonical strategy of each type, for those who draw by type.
macro_rules! arbitrary {
    ($($type:ty = $strategy:expr;)*) => {
        $(
            impl proptest::arbitrary::Arbitrary for $type {
                type Parameters = ();
                type Strategy = proptest::strategy::BoxedStrategy<Self>;

                fn arbitrary_with((): ()) -> Self::Strategy {
                    proptest::strategy::Strategy::boxed($strategy)
                }
            }
        )*
    };
}

pub mod catalog;
pub mod clock;
pub mod conformance;
pub mod costs;
pub mod crash;
pub mod damage;
pub mod disk;
pub mod events;
pub mod explore;
pub mod facts;
pub mod folder;
pub mod fuzz;
pub mod log;
pub mod model;
pub mod planted;
pub mod process;
pub mod published;
pub mod values;
pub mod workload;

/// How many cases a property runs: few beside an editor, `in_ci` where the environment has
/// `CI=true`.
pub fn cases(in_ci: u32) -> proptest::test_runner::Config {
    let is_ci = std::env::var_os("CI").is_some_and(|it| it == "true");
    let cases = if is_ci { in_ci } else { 256 };
    proptest::test_runner::Config {
        cases,
        // Failures are printed with their input and become tests by hand, not files.
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}
