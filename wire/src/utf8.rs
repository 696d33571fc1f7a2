//! Telling that bytes are UTF-8 (RFC 3629), which publishers find out before anything is written and the sidecar again.
//!
//! Where the processor has registers of 512 bits, [`wide`] tells; it takes half the time of simdutf8, which has no such road and tells
//! everywhere else, and says where the first mistake is.

#[cfg(target_os = "linux")]
mod copy;
#[cfg(target_arch = "x86_64")]
mod wide;

#[cfg(target_os = "linux")]
pub(crate) use copy::copy_past_cache;

/// The bytes as text.
///
/// # Errors
/// They are not UTF-8; the number of bytes that are, from the start.
pub fn from_utf8(bytes: &[u8]) -> Result<&str, usize> {
    #[cfg(target_arch = "x86_64")]
    if let Some(text) = wide::from_utf8(bytes) {
        return text.ok_or_else(|| first_wrong(bytes));
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| first_wrong(bytes))
}

fn first_wrong(bytes: &[u8]) -> usize {
    simdutf8::compat::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}

#[cfg(test)]
mod tests;
