package journey

// Journey is a compiled definition.
type Journey struct {
	Definition
	Version string // content hash of the definition
}
