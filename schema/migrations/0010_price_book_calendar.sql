-- Which version of a price book is in force from when on. See doc/price-books.md.

CREATE TABLE price_book_calendar (
    name text NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    in_force_from timestamptz NOT NULL CHECK (date_trunc('hour', in_force_from, 'UTC') = in_force_from),
    price_book_sha256 bytea NOT NULL REFERENCES price_books,
    added_at timestamptz NOT NULL DEFAULT now(),
    added_by text NOT NULL,
    PRIMARY KEY (name, revision)
);
COMMENT ON TABLE price_book_calendar IS 'Which book is in force under its name from which hour on. Rows are only added: of those whose in_force_from is not after an hour the latest in_force_from holds, of equals the highest revision; before the first the book that ships under that name';
COMMENT ON COLUMN price_book_calendar.revision IS 'From 1, without gaps, for each name';
COMMENT ON COLUMN price_book_calendar.added_by IS 'Who said so: the operating system''s user and host';
COMMENT ON TABLE price_books IS 'Every price book that was added or that a rating run used';
