package message

// Template is one compiled template in all its languages.
type Template struct {
	Name string
}
