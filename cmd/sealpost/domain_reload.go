package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"sealpost/config"
)

// readDomains takes up the domains of the configuration file; nothing else of it
// changes without a restart.
func (s *server) readDomains() error {
	if s.settings.File == "" {
		return nil
	}
	c, err := config.Load(s.settings.File)
	if err != nil {
		return err
	}
	s.book.SetDomains(c.Domains)
	return nil
}

// reloadServer is for a running server: domains, keys and certificate are read again.
func reloadServer(_ context.Context, o *office, _ struct{}) (struct{}, error) {
	if o.readAgain == nil {
		return struct{}{}, nil
	}
	return struct{}{}, o.readAgain()
}

// tellServer has a running server read its files again. Without one there is nobody
// to tell.
func tellServer(ctx context.Context, settings config.Config) (running bool, err error) {
	err = askServer(ctx, settings.Data, "server.reload", strings.NewReader("{}"), new(bytes.Buffer))
	if errors.Is(err, errNoServer) {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("the server goes on as before: %w", err)
	}
	return true, nil
}
