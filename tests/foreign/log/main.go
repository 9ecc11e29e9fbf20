// Reads a ledger's transparency log by what others wrote of C2SP: the notes and trees of Go's own checksum
// database (golang.org/x/mod/sumdb), the formats and the Merkle proofs of transparency.dev. Knows nothing of dagpass.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	f_log "github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	f_proof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	logKey     = flag.String("key", "", "the log's verifier key")
	witnessKey = flag.String("witness", "", "a witness's, which has to have cosigned")
	proofFile  = flag.String("proof", "", "a .tlog-proof whose extra data is the entry")
	folder     = flag.String("log", "", "a log's folder: tiles and a checkpoint")
	entries    = flag.String("entries", "", "the entries of that log, one a line")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	read := readLog
	if *proofFile != "" {
		read = readProof
	}
	if err := read(); err != nil {
		log.Fatal(err)
	}
}

// checkpoint says what the log signed and, where one is asked for, the witness.
func checkpoint(signed []byte) (*f_log.Checkpoint, error) {
	ours, err := note.NewVerifier(*logKey)
	if err != nil {
		return nil, err
	}
	var others []note.Verifier
	if *witnessKey != "" {
		witness, err := f_note.NewVerifierForCosignatureV1(*witnessKey)
		if err != nil {
			return nil, err
		}
		others = append(others, witness)
	}
	said, _, signatures, err := f_log.ParseCheckpoint(signed, ours.Name(), ours, others...)
	if err != nil {
		return nil, err
	}
	if len(signatures.Sigs) != 1+len(others) {
		return nil, fmt.Errorf("signed by %d of %d", len(signatures.Sigs), 1+len(others))
	}
	return said, nil
}

func readProof() error {
	text, err := os.ReadFile(*proofFile)
	if err != nil {
		return err
	}
	var held f_proof.TLogProof
	if err := held.Unmarshal(text); err != nil {
		return err
	}
	said, err := checkpoint(held.Checkpoint)
	if err != nil {
		return err
	}
	var path [][]byte
	for _, hash := range held.Hashes {
		path = append(path, hash[:])
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(held.ExtraData)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, held.Index, said.Size, leaf, path, said.Hash); err != nil {
		return err
	}
	return tell(map[string]any{"origin": said.Origin, "size": said.Size, "index": held.Index, "entry": string(held.ExtraData)})
}

// readLog holds every entry under the checkpoint against its leaf in the tiles, and those against the root.
func readLog() error {
	signed, err := os.ReadFile(filepath.Join(*folder, "checkpoint"))
	if err != nil {
		return err
	}
	said, err := checkpoint(signed)
	if err != nil {
		return err
	}
	all, err := os.ReadFile(*entries)
	if err != nil {
		return err
	}
	lines := bytes.Split(all, []byte("\n"))
	size := int64(said.Size)
	if int64(len(lines)) <= size {
		return fmt.Errorf("%d entries, and the checkpoint is over %d", len(lines)-1, size)
	}
	var wanted []int64
	for at := range size {
		wanted = append(wanted, tlog.StoredHashIndex(0, at))
	}
	tree := tlog.Tree{N: size, Hash: tlog.Hash(said.Hash)}
	leaves, err := tlog.TileHashReader(tree, tiles{}).ReadHashes(wanted)
	if err != nil {
		return err
	}
	for at, leaf := range leaves {
		if leaf != tlog.RecordHash(lines[at]) {
			return fmt.Errorf("entry %d is not what its leaf is of", at)
		}
	}
	return tell(map[string]any{"origin": said.Origin, "size": said.Size})
}

// tiles are 256 wide, as C2SP has them; a path does not name that.
type tiles struct{}

func (tiles) Height() int { return 8 }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		hashes, err := os.ReadFile(filepath.Join(*folder, path))
		if err != nil {
			return nil, err
		}
		found = append(found, hashes)
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func tell(what map[string]any) error {
	return json.NewEncoder(os.Stdout).Encode(what)
}
