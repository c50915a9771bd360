//! HBase through Thrift1 gateways.
