package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

var (
	// ErrLayout says that a file is written in a way that is not edited by program.
	ErrLayout = errors.New("the list of domains cannot be edited here: change the line that starts with domains by hand")
	// ErrListed says that a domain is in the list, ErrNotListed that it is not.
	ErrListed    = errors.New("the domain is in the list already")
	ErrNotListed = errors.New("the domain is not in the list")
)

// AddDomain puts a domain at the end of domains = [...] in the text of a
// configuration file and leaves everything else as it is: comments, order, layout.
func AddDomain(text, domain string) (string, error) {
	return editDomains(text, func(l list, before []string) (string, []string, error) {
		if slices.ContainsFunc(before, func(d string) bool { return strings.EqualFold(d, domain) }) {
			return "", nil, ErrListed
		}
		return l.with(text, strconv.Quote(domain)), append(before, domain), nil
	})
}

// RemoveDomain takes a domain out. The last one stays: a server has at least one.
func RemoveDomain(text, domain string) (string, error) {
	return editDomains(text, func(l list, before []string) (string, []string, error) {
		at := slices.IndexFunc(before, func(d string) bool { return strings.EqualFold(d, domain) })
		if at < 0 {
			return "", nil, ErrNotListed
		}
		if len(before) == 1 {
			return "", nil, errors.New("it is the only domain, and a server has at least one")
		}
		return l.without(text, at), slices.Delete(before, at, at+1), nil
	})
}

// editDomains changes a text, and only believes the change when the new text says
// what was wanted.
func editDomains(text string, change func(list, []string) (string, []string, error)) (string, error) {
	old, err := Parse("configuration", text)
	if err != nil {
		return "", err
	}
	l, ok := findList(text, "domains")
	if !ok || len(l.entries) != len(old.Domains) {
		return "", ErrLayout
	}
	edited, want, err := change(l, slices.Clone(old.Domains))
	if err != nil {
		return "", err
	}
	now, err := Parse("configuration", edited)
	if err != nil || !slices.Equal(now.Domains, want) {
		return "", ErrLayout
	}
	return edited, nil
}

// Edit changes a file: the new text is there whole or not at all, with the mode and
// the owner of the old one. A link stays one.
func Edit(file string, change func(text string) (string, error)) error {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fmt.Errorf("edit configuration: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("edit configuration: %w", err)
	}
	edited, err := change(string(text))
	if err != nil {
		return err
	}
	if err := replace(file, edited); err != nil {
		return fmt.Errorf("edit configuration: %w", err)
	}
	return nil
}

func replace(file, text string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone when the rename was done
	_, err = f.WriteString(text)
	if err := errors.Join(err, keepOwner(f, info), f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// A list is where an array of strings stands in a text.
type list struct {
	open, close int       // of its brackets
	entries     []stretch // of its strings, quotes included
}

// with is text with one more entry at the end.
func (l list) with(text, entry string) string {
	if len(l.entries) == 0 {
		return text[:l.open+1] + entry + text[l.open+1:]
	}
	last := l.entries[len(l.entries)-1]
	comma := afterComma(text, last.to, l.close)
	if indent, alone := lineStart(text, last.from); alone {
		if end, feed := lineEnd(text, max(comma, last.to)); end < l.close {
			if comma < 0 {
				return text[:last.to] + "," + text[last.to:end] + feed + indent + entry + text[end:]
			}
			return text[:end] + feed + indent + entry + "," + text[end:]
		}
	}
	if comma >= 0 {
		return text[:comma] + " " + entry + "," + text[comma:]
	}
	return text[:last.to] + ", " + entry + text[last.to:]
}

// without is text without the entry at a place.
func (l list) without(text string, at int) string {
	e := l.entries[at]
	comma := afterComma(text, e.to, l.close)
	if _, alone := lineStart(text, e.from); alone {
		end, feed := lineEnd(text, max(comma, e.to))
		rest := strings.TrimSpace(text[max(comma, e.to):end])
		if end < l.close && (rest == "" || rest[0] == '#') { // the whole line, with its comment
			return text[:strings.LastIndexByte(text[:e.from], '\n')+1] + text[end+len(feed):]
		}
	}
	if comma >= 0 {
		for comma < l.close && text[comma] == ' ' {
			comma++
		}
		return text[:e.from] + text[comma:]
	}
	if at > 0 { // the comma before it goes
		return text[:l.entries[at-1].to] + text[e.to:]
	}
	return text[:e.from] + text[e.to:]
}

// keepOwner gives a file to who owned the one that it replaces.
func keepOwner(f *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || int(was.Uid) == os.Geteuid() && int(was.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}

// lineStart is the white space in front of what stands at a place, when there is
// nothing else on its line before it.
func lineStart(text string, at int) (indent string, alone bool) {
	indent = text[strings.LastIndexByte(text[:at], '\n')+1 : at]
	return indent, strings.Trim(indent, " \t") == ""
}

// lineEnd is where the line of a place ends, and how.
func lineEnd(text string, at int) (end int, feed string) {
	n := strings.IndexByte(text[at:], '\n')
	switch end = at + n; {
	case n < 0:
		return len(text), ""
	case n > 0 && text[end-1] == '\r':
		return end - 1, "\r\n"
	}
	return end, "\n"
}

// afterComma is the place behind the comma that follows, over white space and
// comments; -1 when none does before end.
func afterComma(text string, at, end int) int {
	at = skipBlank(text, at)
	if at < end && text[at] == ',' {
		return at + 1
	}
	return -1
}
