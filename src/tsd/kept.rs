//! What front ends keep for the life of a TSD, by its type: caches of answers that nobody else needs to know of.

use parking_lot::Mutex;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// One value of each type that was asked for.
#[derive(Default)]
pub struct Kept {
    values: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Kept {
    /// The value of this type, made now if there is none yet. Types are few, and stay.
    pub fn of<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut values = self.values.lock();
        let value = values.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(value).downcast().unwrap_or_default()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.values.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_type() {
        let kept = Kept::default();
        *kept.of::<Mutex<i32>>().lock() = 5;
        assert_eq!((*kept.of::<Mutex<i32>>().lock(), *kept.of::<Mutex<u8>>().lock()), (5, 0));
        kept.clear();
        assert_eq!(*kept.of::<Mutex<i32>>().lock(), 0);
    }
}
