//! Which series have the shape of this one? Oculus' shape alphabet, phrase search and scores, as pure functions.
