// error: as<T>() and map need a struct named in BOOST_DESCRIBE_STRUCT
auto mistake() { return table().as<Undescribed>(); }
