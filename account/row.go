package account

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"sealpost/mail"
	"sealpost/pgp"
)

// accountRow is the JSON of an account as engines keep it. Its names are the
// format: those of Account may change, these may not. Byte strings are
// base64, times RFC 3339.
type accountRow struct {
	Revision  uint64        `json:"revision,omitempty"`
	Addresses []addressRow  `json:"addresses"`
	Former    []addressRow  `json:"former,omitempty"`
	CatchAll  []string      `json:"catch_all,omitempty"`
	Cert      []byte        `json:"cert"`
	Profile   string        `json:"profile"`
	Level     string        `json:"headers"`
	Encrypt   string        `json:"encrypt,omitempty"`
	ListKey   []byte        `json:"list_key,omitempty"`
	Pseudonym []byte        `json:"pseudonym,omitempty"`
	Quota     int64         `json:"quota"`
	Created   time.Time     `json:"created"`
	Salt      []byte        `json:"salt,omitempty"`
	Passwords []passwordRow `json:"passwords,omitempty"`
	Operator  bool          `json:"operator,omitempty"`
	Aliases   int           `json:"aliases,omitempty"`
	Files     *filesRow     `json:"attachments,omitempty"`
}

type filesRow struct {
	Over     int64  `json:"over,omitempty"`
	Outgoing string `json:"outgoing,omitempty"`
	Incoming string `json:"incoming,omitempty"`
	Drops    []byte `json:"drops,omitempty"`
}

type addressRow struct {
	Local  string `json:"local"`
	Domain string `json:"domain"`
}

type passwordRow struct {
	Name      string    `json:"name"`
	StoredKey []byte    `json:"stored_key"`
	ServerKey []byte    `json:"server_key"`
	Created   time.Time `json:"created"`
	Used      time.Time `json:"used"`
	FileSent  bool      `json:"file_sent,omitempty"`
	Limit     int       `json:"limit,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
}

// EncodeRow is what an engine keeps of an account beside its id.
func EncodeRow(a Account) ([]byte, error) {
	row := accountRow{
		Revision: a.Revision, CatchAll: a.CatchAll, Cert: a.Cert, Profile: string(a.Profile), Level: string(a.Level), Encrypt: string(a.Encrypt), ListKey: a.ListKey,
		Pseudonym: a.Pseudonym, Quota: a.Quota, Created: a.Created, Salt: a.Salt, Operator: a.Operator, Aliases: a.Aliases,
	}
	for _, ad := range a.Addresses {
		row.Addresses = append(row.Addresses, addressRow(ad))
	}
	for _, ad := range a.Former {
		row.Former = append(row.Former, addressRow(ad))
	}
	for _, p := range a.Passwords {
		row.Passwords = append(row.Passwords, passwordRow(p))
	}
	if f := a.Files; f.Over != 0 || f.Outgoing != "" || f.Incoming != "" || len(f.Drops) > 0 {
		row.Files = &filesRow{f.Over, string(f.Outgoing), string(f.Incoming), f.Drops}
	}
	body, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("encode account %s: %w", a.ID, err)
	}
	return body, nil
}

// DecodeRow turns it back, if it is one. Fields that are younger than the row are empty.
func DecodeRow(id ID, body []byte) (a Account, ok bool) {
	var row accountRow
	if json.Unmarshal(body, &row) != nil { // the error would quote the row
		return Account{}, false
	}
	a = Account{
		ID: id, Revision: row.Revision, CatchAll: row.CatchAll, Cert: row.Cert, Profile: pgp.Profile(row.Profile), Level: pgp.Level(row.Level),
		Encrypt: EncryptPolicy(row.Encrypt), ListKey: row.ListKey, Pseudonym: row.Pseudonym, Quota: row.Quota, Created: row.Created, Salt: row.Salt, Operator: row.Operator, Aliases: row.Aliases,
	}
	if f := row.Files; f != nil {
		a.Files = Attachments{Over: f.Over, Outgoing: OutgoingPolicy(f.Outgoing), Incoming: IncomingPolicy(f.Incoming), Drops: f.Drops}
	}
	for _, ad := range row.Addresses {
		a.Addresses = append(a.Addresses, mail.Address(ad))
	}
	for _, ad := range row.Former {
		a.Former = append(a.Former, mail.Address(ad))
	}
	for _, p := range row.Passwords {
		a.Passwords = append(a.Passwords, Password(p))
	}
	return a, true
}

// FormerSum is by what engines remember an address that is nobody's now (Store.Former): of
// who was removed nothing readable is left.
func FormerSum(key string) [sha256.Size]byte {
	return sha256.Sum256([]byte("sealpost former address v1\x00" + key))
}
