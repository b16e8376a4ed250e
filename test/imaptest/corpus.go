package imaptest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Group is a script with the mails that it is played over.
type Group struct {
	Script *Script
	Mails  []Mail
}

// links are mailbox files that scripts share with others: symbolic links in
// imaptest's own folder, which copies of it lose.
var links = map[string]string{
	"fetch-body-mime":       "fetch-binary-mime.mbox",
	"sort-partial":          "search-partial.mbox",
	"thread-orderedsubject": "sort-subject.mbox",
}

// Load reads a folder of imaptest's: scripts, and beside each perhaps a mailbox
// file; default.mbox is that of all others.
func Load(dir string) ([]Group, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	var groups []Group
	for _, name := range names {
		if strings.HasSuffix(name, ".mbox") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		g := Group{}
		if g.Script, err = Parse(filepath.Base(name), string(text)); err != nil {
			return nil, err
		}
		mbox := name + ".mbox"
		if _, err := os.Stat(mbox); err != nil {
			mbox = filepath.Join(dir, cmp.Or(links[filepath.Base(name)], "default.mbox"))
		}
		if text, err = os.ReadFile(mbox); err != nil {
			return nil, fmt.Errorf("read mails: %w", err)
		}
		if g.Mails, err = ParseMbox(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(mbox), err)
		}
		groups = append(groups, g)
	}
	return groups, nil
}
