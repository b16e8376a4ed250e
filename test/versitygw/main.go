//go:build ignore

// Command versitygw runs the S3 gateway of that name over a folder, without the rest of what
// its own command brings: for tests of storage/s3. It never syncs.
//
//	versitygw ROOT SIDECAR ADDRESS
//
// Buckets are folders in ROOT; what S3 says of an object besides its octets is in SIDECAR.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: versitygw ROOT SIDECAR ADDRESS")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, beside, address string) error {
	sidecar, err := meta.NewSideCar(beside)
	if err != nil {
		return err
	}
	folder, err := posix.New(root, sidecar, posix.PosixOpts{SideCarDir: beside, Concurrency: 64})
	if err != nil {
		return err
	}
	return embedgw.RunVersityGW(ctx, folder, &embedgw.Config{
		RootUserAccess: "tester", RootUserSecret: "tester-secret",
		Ports: []string{address}, MaxConnections: 1024, MaxRequests: 1024, MultipartMaxParts: 10_000,
		Quiet: true, DisableACLs: true,
	})
}
