"""The pure rules of the payments domain: values in, values and facts out."""
