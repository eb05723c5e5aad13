-- Stands for the tables that you have.
CREATE OR REPLACE TABLE tickets (id BIGINT PRIMARY KEY, opened DATE, subject VARCHAR, body VARCHAR);
INSERT INTO tickets FROM read_csv('tickets.csv');
