package files

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"sealpost/filestore/sealed"
	"sealpost/pgp/keyring"
	"sealpost/webmail/api"
	"sealpost/webmail/api/client"
)

// Login is how a device gets its profile: the recovery kit signs in once, the device
// takes the drive's keys and an app password of its own, and the session ends.
type Login struct {
	Server, CA string
	Address    string
	Kit        keyring.Kit
	Device     string                 // what to call it in lists
	Code       func() (string, error) // asked where the server wants a second factor
}

const mostSession = 16 << 20

// Profile signs in.
func (l Login) Profile(ctx context.Context) (p Profile, err error) {
	c, err := Dial(l.Server, l.CA)
	if err != nil {
		return p, err
	}
	session, err := l.enter(ctx, c)
	if err != nil {
		return p, fmt.Errorf("sign in: %w", err)
	}
	defer func() {
		if bad := done(context.WithoutCancel(ctx), c, client.Request{Method: http.MethodDelete, Path: "/sessions/" + url.PathEscape(session.ID)}); bad != nil {
			err = errors.Join(err, fmt.Errorf("end the session (end it in the webmail's settings): %w", bad))
		}
	}()
	k := session.Keyring
	owner, err := keyring.OpenByKit(l.Kit, keyring.Identity{Account: session.Account.ID, Address: l.Address, Fingerprint: session.Account.Fingerprint}, keyring.Ring{
		Version: uint64(k.Version), Salt: k.Salt, Containers: k.Containers,
		KDF: keyring.KDF{Name: k.Kdf.Name, Memory: uint32(k.Kdf.Memory), Iterations: uint32(k.Kdf.Iterations), Lanes: uint32(k.Kdf.Lanes)},
	})
	if err != nil {
		return p, fmt.Errorf("open the keyring: %w", err)
	}
	drops, err := owner.Receiver(sealed.DropPurpose)
	if err != nil {
		return p, fmt.Errorf("open the keyring: %w", err)
	}
	made, err := l.password(ctx, c)
	if err != nil {
		return p, fmt.Errorf("make an app password: %w", err)
	}
	return Profile{
		Server: c.URL, CA: l.CA, Address: l.Address, Account: owner.Account, Name: made.Name, Password: made.Password,
		Key: owner.Drawer(sealed.Drawer).Bytes(), Drops: drops.Bytes(),
	}, nil
}

// enter begins a session, whose cookie c has then.
func (l Login) enter(ctx context.Context, c *client.Client) (s api.Session, err error) {
	in := api.SignIn{Address: l.Address, Method: "kit", Proof: l.Kit.Proof(), Device: l.Device}
	resp, err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/sign-in", JSON: in})
	var p *client.Problem
	if errors.As(err, &p) && p.Word() == "second-factor" && l.Code != nil {
		if in.Code, err = l.Code(); err != nil {
			return s, err
		}
		resp, err = c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/sign-in", JSON: in})
	}
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	for _, cookie := range resp.Cookies() {
		c.Cookie = &http.Cookie{Name: cookie.Name, Value: cookie.Value}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostSession)).Decode(&s); err != nil {
		return s, fmt.Errorf("read answer: %w", err)
	}
	if c.Cookie == nil {
		return s, errors.New("expected a session's cookie")
	}
	return s, nil
}

// password makes one, which a session alone may not: the kit proves once more.
func (l Login) password(ctx context.Context, c *client.Client) (made api.AppPassword, err error) {
	var proven api.Proof
	if err := ask(ctx, c, client.Request{Method: http.MethodPost, Path: "/proof", JSON: api.NewProof{Proof: l.Kit.Proof()}}, &proven); err != nil {
		return made, err
	}
	header := http.Header{"Sealpost-Proof": {base64.StdEncoding.EncodeToString(proven.Token)}}
	for n := 1; ; n++ {
		name := l.Device
		if n > 1 {
			name = fmt.Sprintf("%s %d", l.Device, n)
		}
		err := ask(ctx, c, client.Request{
			Method: http.MethodPost, Path: "/app-passwords", Header: header, JSON: map[string]any{"name": name, "scopes": []string{"api"}},
		}, &made)
		var p *client.Problem
		if n == 9 || !errors.As(err, &p) || p.Word() != "taken" {
			return made, err
		}
	}
}

// Logout gives up the profile's app password at the server.
func (p Profile) Logout(ctx context.Context) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	err = done(ctx, c, client.Request{Method: http.MethodDelete, Path: "/app-password"})
	var gone *client.Problem
	if errors.As(err, &gone) && gone.Word() == "wrong-sign-in" { // it was revoked before
		return nil
	}
	return err
}

func ask(ctx context.Context, c *client.Client, r client.Request, into any) error {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

func done(ctx context.Context, c *client.Client, r client.Request) error {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
