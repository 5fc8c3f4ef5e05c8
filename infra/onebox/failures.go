package onebox

import (
	"context"
	"os"
	"path/filepath"

	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/local/pump"
)

// failures is the folder of batches that were given up, as the console lists it.
type failures string

var _ console.Failures = failures("")

func (dir failures) List(context.Context) ([]console.Failure, error) {
	names, err := pump.Failures(string(dir))
	list := make([]console.Failure, 0, len(names))
	for _, name := range names {
		info, err := os.Stat(filepath.Join(string(dir), name))
		if err != nil {
			return nil, err
		}
		list = append(list, console.Failure{Name: name, At: info.ModTime().UTC()})
	}
	return list, err
}

func (dir failures) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(dir), filepath.Base(name)))
}
