package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

// folder is the catalog that a verb works on.
type folder struct {
	Dir string `arg:"" default:"." help:"Catalog folder (default: the current one)."`
}

// check refuses a folder that can't be meant.
func (f folder) check() error {
	if _, err := os.Stat(filepath.Join(f.Dir, "plan.yaml")); err != nil {
		return usagef("%s is no catalog folder: it has no plan.yaml", f.Dir)
	}
	return nil
}

// checkVerb is `kesher check`.
type checkVerb struct {
	folder
	Target string `help:"Check also against a stage: aws:STAGE refuses senders that it may not send from." placeholder:"aws:STAGE"`
	output
}

// Help ends the verb's help.
func (checkVerb) Help() string {
	return "Problems are printed as file:line:col: what is wrong (what to do). Errors make the exit code 1, warnings do not.\n\n" +
		example("kesher check ./catalog", "kesher check --target aws:prod ./catalog")
}

// Run checks the folder right here; a stage is asked only for what it alone knows.
func (v *checkVerb) Run(s *session) error {
	if err := v.folder.check(); err != nil {
		return err
	}
	checked := checkFolder(v.Dir)
	if v.Target != "" && checked.Fine() {
		c, err := (&target{Target: v.Target}).connect(s, "")
		if err != nil {
			return err
		}
		if checked, err = c.check(s, v.Dir); err != nil {
			return err
		}
	}
	return v.show(s, checked)
}

func checkFolder(dir string) console.Checked {
	candidate, problems := publish.Compile(os.DirFS(dir))
	checked := console.Checked{Problems: append([]publish.Problem{}, problems...)}
	if candidate != nil {
		checked.Bound = candidate.Bound.String()
	}
	return checked
}

// show prints problems and the bound, and fails on errors.
func (o output) show(s *session, c console.Checked) error {
	if o.JSON {
		if err := s.print(c); err != nil {
			return err
		}
	} else {
		for _, p := range c.Problems {
			fmt.Fprintln(s.out, p)
		}
		if c.Bound != "" {
			fmt.Fprintln(s.out, c.Bound)
		}
	}
	if !c.Fine() {
		return errFails
	}
	return nil
}

// publishVerb is `kesher publish`.
type publishVerb struct {
	folder
	Base string `help:"The release that this catalog was made from: refused when another one is live by now (default: the live one)." placeholder:"RELEASE"`
	target
	output
}

// Help ends the verb's help.
func (publishVerb) Help() string {
	return "Functions see a new release within a minute. Runs under way finish on the release they began on.\n\n" +
		example("kesher publish ./catalog", "kesher publish --target aws:prod ./catalog")
}

// Run checks the folder here first, so that what is wrong is told in terms of the
// files, and nothing is sent that would be refused.
func (v *publishVerb) Run(s *session) error {
	if err := v.folder.check(); err != nil {
		return err
	}
	if checked := checkFolder(v.Dir); !checked.Fine() {
		return v.show(s, checked)
	}
	c, err := v.connect(s, v.Dir)
	if err != nil {
		return err
	}
	published, err := c.publish(s, v.Dir, v.Base)
	if err := errors.Join(err, c.close()); err != nil {
		return v.refused(s, err)
	}
	if v.JSON {
		return s.print(published)
	}
	for _, p := range published.Problems {
		fmt.Fprintln(s.err, p)
	}
	if !published.Changed {
		fmt.Fprintf(s.out, "release %s is live already: nothing has changed\n", published.Release)
		return nil
	}
	fmt.Fprintf(s.out, "release %s is live (%s)\n", published.Release, published.Bound)
	return nil
}

// refused prints the problems that only the stage could find.
func (v *publishVerb) refused(s *session, err error) error {
	var api *apiError
	if errors.As(err, &api) && len(api.Problems) > 0 {
		return v.show(s, console.Checked{Problems: api.Problems})
	}
	return err
}

func (c *client) check(s *session, dir string) (checked console.Checked, err error) {
	packed, err := zipped(dir)
	if err != nil {
		return checked, err
	}
	answer, err := c.send(s, http.MethodPost, "/admin/v1/check", "application/zip", packed)
	if err != nil {
		return checked, err
	}
	return checked, json.Unmarshal(answer, &checked)
}

func (c *client) publish(s *session, dir, base string) (published console.Published, err error) {
	packed, err := zipped(dir)
	if err != nil {
		return published, err
	}
	path := "/admin/v1/publish"
	if base != "" {
		path += "?base=" + url.QueryEscape(base)
	}
	answer, err := c.send(s, http.MethodPost, path, "application/zip", packed)
	if err != nil {
		return published, err
	}
	return published, json.Unmarshal(answer, &published)
}

// zipped packs a catalog folder; hidden files (.git, .DS_Store) stay where they are.
func zipped(dir string) ([]byte, error) {
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		f, err := w.Create(path)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return err
	})
	err = errors.Join(err, w.Close()) // before the bytes are taken: it writes the directory
	return buffer.Bytes(), err
}
