//! What has to be asked of the Zend engine by hand. Most of this crate's unsafe code is here.

use std::borrow::Cow;
use std::ffi::c_char;

use ext_php_rs::convert::FromZval;
use ext_php_rs::ffi::{ext_php_rs_compiler_globals, zend_hash_str_find_ptr_lc, zend_ini_entry};
use ext_php_rs::flags::DataType;
use ext_php_rs::types::{ZendStr, Zval};
use ext_php_rs::zend::{ClassEntry, ExecutorGlobals};
use rustecho_wire::utf8;

unsafe extern "C" {
    /// Of Zend/zend_constants.h: the value of a constant, or null.
    fn zend_get_constant_str(name: *const c_char, len: usize) -> *mut Zval;
}

/// A PHP string argument, borrowed. PHP's strings are bytes; whether these are UTF-8 is found out where it matters, so that
/// the error can name the argument and the place.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(&'a [u8]);

impl<'a> FromZval<'a> for Text<'a> {
    const TYPE: DataType = DataType::String;

    fn from_zval(zval: &'a Zval) -> Option<Self> {
        zval.dereference().zend_str().map(|string| Self(string.as_bytes()))
    }
}

impl<'a> Text<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, if it is UTF-8; otherwise the position of the first byte that is not.
    pub(crate) fn utf8(self) -> Result<&'a str, usize> {
        utf8::from_utf8(self.0)
    }
}

/// What is made of an ini setting as it stands now, `ini_set()` included; `None` where there is no such setting. Nothing of PHP may
/// be called inside `read`.
pub(crate) fn ini<T>(name: &str, read: impl FnOnce(&str) -> T) -> Option<T> {
    let globals = ExecutorGlobals::get();
    // SAFETY: the engine's own table of ini entries, alive for as long as PHP code runs.
    let entries = unsafe { globals.ini_directives.as_ref() }?;
    // SAFETY: this table holds pointers to `zend_ini_entry` and nothing else.
    let entry = unsafe { entries.get(name)?.ptr::<zend_ini_entry>()?.as_ref() }?;
    // SAFETY: the value is null or a string that the entry owns.
    let value = unsafe { entry.value.as_ref() };
    Some(read(&value.map(lossy).unwrap_or_default()))
}

/// A text that mostly is UTF-8.
pub(crate) fn lossy(text: &ZendStr) -> Cow<'_, str> {
    utf8::from_utf8(text.as_bytes()).map_or_else(|_| String::from_utf8_lossy(text.as_bytes()), Cow::Borrowed)
}

/// A key of PHP's array, which mostly is a text already.
pub(crate) fn key(key: &Zval) -> Cow<'_, str> {
    match key.zend_str() {
        Some(text) => lossy(text),
        None => key.long().unwrap_or_default().to_string().into(),
    }
}

/// A class that is registered already, by its name in any case. Works while modules start, too, when
/// `EG(class_table)` is not there yet.
pub(crate) fn class(name: &str) -> Option<&'static ClassEntry> {
    // SAFETY: the globals of this thread, or null.
    let table = unsafe { ext_php_rs_compiler_globals().as_ref() }?.class_table;
    if table.is_null() {
        return None;
    }
    // SAFETY: the engine's table of classes, and a name that lives through the call. Classes of modules live as long as
    // the process.
    unsafe { zend_hash_str_find_ptr_lc(table, name.as_ptr().cast(), name.len()).cast::<ClassEntry>().as_ref() }
}

/// The version of the PHP that runs: `8.2.36`.
pub(crate) fn php_version() -> String {
    let name = "PHP_VERSION";
    // SAFETY: a name that lives through the call; the answer is null or a constant of the engine.
    let value = unsafe { zend_get_constant_str(name.as_ptr().cast(), name.len()).as_ref() };
    value.and_then(Zval::string).unwrap_or_default()
}
