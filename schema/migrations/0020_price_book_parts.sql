-- A billing period in which the price book in force changes: one binding of several books, and which hours each of them prices.

CREATE TABLE price_book_parts (
    binding_sha256 bytea NOT NULL REFERENCES price_books,
    part integer NOT NULL CHECK (part > 0),
    price_book_sha256 bytea NOT NULL REFERENCES price_books,
    in_force_from timestamptz NOT NULL,
    in_force_until timestamptz NOT NULL CHECK (in_force_until > in_force_from),
    PRIMARY KEY (binding_sha256, part)
);
COMMENT ON TABLE price_book_parts IS 'Books of a period in which the one in force changes. Invoices name the binding, whose source has each of these whole';
COMMENT ON COLUMN price_book_parts.part IS 'From 1, in the order of time; the number that `book` of a line counts through';

ALTER TABLE invoice_lines ADD COLUMN book integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN invoice_lines.book IS 'Which of several books prices it, from 1: see price_book_parts';

ALTER TABLE rating_measures
    ADD COLUMN part integer NOT NULL DEFAULT 1,
    ADD COLUMN hour_from timestamptz,
    ADD COLUMN hour_until timestamptz,
    DROP CONSTRAINT rating_measures_pkey,
    ADD PRIMARY KEY (run_id, part, sku, mode, package);
COMMENT ON COLUMN rating_measures.part IS 'Of the book, from 1, where several were in force; hour_from and hour_until say when, null: in the whole period';
