-- Documents are text of some kilobytes that is written once and compressed then: lz4 takes a tenth of the time of pglz. What is stored stays
-- as it is.
ALTER TABLE invoices ALTER COLUMN document SET COMPRESSION lz4;
ALTER TABLE adjustments ALTER COLUMN document SET COMPRESSION lz4;
