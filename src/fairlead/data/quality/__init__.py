"""What in the data makes a model worse, or look better than it is: one file per subject."""
