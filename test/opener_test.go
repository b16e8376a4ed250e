package test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"sealpost/pgp"
)

// clientKeys reads a person's secret key as their client would.
func clientKeys(t *testing.T, p person) *pgp.SecretKeys {
	t.Helper()
	data, err := os.ReadFile(p.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.ParseSecretKeys(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// restore gives the exact bytes that arrived.
func restore(keys *pgp.SecretKeys, sealed []byte) ([]byte, error) {
	var out bytes.Buffer
	_, err := pgp.Opener{Keys: keys, Restore: true}.Open(context.Background(), bytes.NewReader(sealed), &out)
	return out.Bytes(), err
}
