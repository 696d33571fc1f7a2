//! The PHP extension of rustecho.

use ext_php_rs::prelude::*;

/// Registers the module with PHP.
#[php_module]
pub fn module(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
}
