-- Databases by age of their oldest transaction ID; PostgreSQL refuses writes at 2144483647.
SELECT datname,
       age(datfrozenxid) AS xid_age,
       2147483647 - 3000000 - age(datfrozenxid) AS xids_left,
       mxid_age(datminmxid) AS multixact_age,
       datallowconn
FROM pg_catalog.pg_database
ORDER BY xid_age DESC
LIMIT 50;
