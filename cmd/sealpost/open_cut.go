package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"sealpost/filestore/sealed/cut"
	"sealpost/filestore/spool"
	"sealpost/webmail/api/client/files"
)

// whole puts the attachments back that the server cut out of a mail, as its lines in
// front say; a mail that has none is given back. Only the server that was named is
// asked, wherever a stub leads: what is opened here may be somebody else's work.
func (cmd openCommand) whole(ctx context.Context, s *spool.Spool, front []byte) (*spool.Spool, error) {
	places, err := cut.Places(front)
	if err != nil || len(places) == 0 {
		return s, err
	}
	if cmd.Server == "" {
		return s, errors.New("attachments of this mail lie at its owner's server: expected --server, such as https://mail.example.org")
	}
	ca, err := readFile(cmd.CA)
	if err != nil {
		return s, err
	}
	server, err := files.Dial(cmd.Server, ca)
	if err != nil {
		return s, err
	}
	all := spool.New(os.TempDir(), openMemory, 4*openMax)
	err = cut.Restore(ctx, all, s, places, func(ctx context.Context, stub cut.Stub, w io.Writer) error {
		link, err := files.ParseShared(stub.Link)
		if err != nil {
			return err
		}
		if link.Server != server.URL {
			return fmt.Errorf("an attachment lies at %s: expected that as --server", link.Server)
		}
		return link.Copy(ctx, server, w)
	})
	if err != nil {
		all.Close()
		return s, fmt.Errorf("put attachments back: %w", err)
	}
	return all, nil
}

func readFile(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	text, err := os.ReadFile(name)
	return string(text), err
}
