"""λ and its multiplicity from chains at a whole ladder of inverse temperatures."""
