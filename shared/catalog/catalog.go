// Package catalog holds the example catalog that Kesher ships: what a shop could
// send as it is, in English and Hebrew, in the language of this release. Beside it
// lie the JSON Schemas by which editors complete and check catalogs.
package catalog

import (
	"embed"
	"io/fs"
)

//go:embed all:example
var files embed.FS

// Example is the example catalog as a folder.
func Example() fs.FS {
	example, err := fs.Sub(files, "example")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return example
}
