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
	"sync"
	"time"

	"sealpost/smtp/mailauth"
)

// signers are the DKIM keys of the domains: FOLDER/DOMAIN/SELECTOR.pem. Of each
// algorithm the selector that sorts last signs; quickstart and rotation name them
// by date.
type signers struct {
	mu     sync.Mutex
	folder string
	read   map[string]*mailauth.Signer
}

// of is the signer of a domain, or nil when it has no keys.
func (s *signers) of(domain string) *mailauth.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read[domain]
}

// from says where the keys are read from next time.
func (s *signers) from(folder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folder = folder
}

// reload reads all keys. On an error those that were read stay.
func (s *signers) reload() error {
	s.mu.Lock()
	folder := s.folder
	s.mu.Unlock()
	domains, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read DKIM keys (dkim.folder): %w", err)
	}
	read := map[string]*mailauth.Signer{}
	for _, d := range domains {
		keys, err := signingKeys(filepath.Join(folder, d.Name()))
		if err != nil {
			return fmt.Errorf("read DKIM keys (dkim.folder): %w", err)
		}
		if len(keys) > 0 {
			read[d.Name()] = &mailauth.Signer{Domain: d.Name(), Keys: keys, Now: time.Now}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = read
	return nil
}

// signingKeys are the newest key of each algorithm in a folder.
func signingKeys(dir string) ([]mailauth.SigningKey, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	newest := map[bool]mailauth.SigningKey{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		key, err := mailauth.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		_, short := key.(ed25519.PrivateKey)
		newest[short] = mailauth.SigningKey{Selector: strings.TrimSuffix(filepath.Base(f), ".pem"), Private: key}
	}
	var keys []mailauth.SigningKey
	for _, short := range []bool{false, true} {
		if k, ok := newest[short]; ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}
