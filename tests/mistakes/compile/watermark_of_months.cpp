// error: use of deleted function
auto mistake() { return table().with_watermark("time", std::chrono::months(1)); }
