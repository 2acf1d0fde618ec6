"""Everything the site offers × everybody who may ask for it × whose it is: the table, the world and the oracle."""
