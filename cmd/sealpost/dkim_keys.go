package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sealpost/config"
	"sealpost/smtp/mailauth"
)

// Keys of a domain lie in dkim.folder/DOMAIN. SELECTOR.pem signs, or did when it is
// not the last of its algorithm; SELECTOR.next is made and waits for its record;
// SELECTOR.old signed until its file was last touched.
const (
	signingSuffix = ".pem"
	nextSuffix    = ".next"
	oldSuffix     = ".old"
)

// oldStays is how long the record of a key is wanted after it signed last: mail that
// is under way is judged later.
const oldStays = 7 * 24 * time.Hour

// A keyFile is one DKIM key.
type keyFile struct {
	Selector  string    `json:"selector"`
	Algorithm string    `json:"algorithm"` // rsa, ed25519
	State     string    `json:"state"`     // signs, next, old
	Since     time.Time `json:"since"`
	Record    string    `json:"record"`
	file      string
}

// makeKeys makes an RSA and an Ed25519 key in a folder, with a suffix for their
// files. Their selectors are the day, so that the newest sorts last.
func makeKeys(folder, suffix string, now time.Time) error {
	if err := makeFolderLike(folder, filepath.Dir(folder)); err != nil {
		return fmt.Errorf("make folder of DKIM keys: %w", err)
	}
	rsa, ed, err := mailauth.GenerateKeys()
	if err != nil {
		return fmt.Errorf("make DKIM keys: %w", err)
	}
	have, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("make DKIM keys: %w", err)
	}
	day := now.UTC().Format("20060102")
	for _, k := range []struct {
		letter string
		pem    []byte
	}{{"r", rsa}, {"e", ed}} {
		name := "s" + day + k.letter
		for again := 'a'; slices.ContainsFunc(have, func(d fs.DirEntry) bool { return strings.HasPrefix(d.Name(), name+".") }); again++ {
			if again > 'z' {
				return errors.New("make DKIM keys: enough were made today")
			}
			name = "s" + day + k.letter + string(again)
		}
		if err := writeLike(filepath.Join(folder, name+suffix), k.pem, folder); err != nil {
			return fmt.Errorf("make DKIM keys: %w", err)
		}
	}
	return nil
}

// makeFolderLike makes a folder for the owner of another one, and that one too.
func makeFolderLike(folder, like string) error {
	if err := os.MkdirAll(like, 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return ownAs(folder, like)
}

// writeLike writes a file, for its owner alone, who is that of a folder.
func writeLike(file string, text []byte, like string) error {
	if err := writeAside(file, text, 0o600); err != nil {
		return err
	}
	return ownAs(file, like)
}

// keysIn lists the keys of a folder by selector, which is by age.
func keysIn(folder string) (all []keyFile, err error) {
	files, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		state := map[string]string{signingSuffix: "signs", nextSuffix: "next", oldSuffix: "old"}[filepath.Ext(f.Name())]
		if state == "" {
			continue
		}
		k, err := readKeyFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return nil, err
		}
		k.State = state
		all = append(all, k)
	}
	markUnused(all)
	return all, nil
}

func readKeyFile(file string) (k keyFile, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return k, err
	}
	private, err := mailauth.ParseKey(text)
	if err != nil {
		return k, fmt.Errorf("%s: %w", file, err)
	}
	if k.Record, err = mailauth.Record(private); err != nil {
		return k, fmt.Errorf("%s: %w", file, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return k, err
	}
	k.file, k.Since, k.Algorithm = file, info.ModTime(), "rsa"
	if _, ok := private.(ed25519.PrivateKey); ok {
		k.Algorithm = "ed25519"
	}
	k.Selector = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	return k, nil
}

// markUnused calls old what would sign if a later key did not.
func markUnused(all []keyFile) {
	last := map[string]bool{}
	for i := len(all) - 1; i >= 0; i-- {
		k := &all[i]
		if k.State != "signs" {
			continue
		}
		if last[k.Algorithm] {
			k.State = "old"
		}
		last[k.Algorithm] = true
	}
}

// inState are the keys of one state.
func inState(all []keyFile, state string) []keyFile {
	return slices.DeleteFunc(slices.Clone(all), func(k keyFile) bool { return k.State != state })
}

// ensureKeys makes keys for a domain that has none which sign.
func ensureKeys(settings config.Config, domain string, now time.Time) (made bool, err error) {
	folder := filepath.Join(settings.DKIM.Folder, domain)
	keys, err := keysIn(folder)
	if err != nil {
		return false, fmt.Errorf("read DKIM keys (dkim.folder): %w", err)
	}
	if len(inState(keys, "signs")) > 0 {
		return false, nil
	}
	return true, makeKeys(folder, signingSuffix, now)
}
