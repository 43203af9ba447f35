using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>Structures and numbers of <c>linux/ethtool.h</c>, by their own names.</summary>
internal static unsafe class EthtoolStructures
{
    internal const uint ETHTOOL_GSET = 0x01;
    internal const uint ETHTOOL_GDRVINFO = 0x03;
    internal const uint ETHTOOL_GSTRINGS = 0x1b;
    internal const uint ETHTOOL_GRXCLSRLCNT = 0x2e;
    internal const uint ETHTOOL_GRXCLSRLALL = 0x30;
    internal const uint ETHTOOL_SRXCLSRLDEL = 0x31;
    internal const uint ETHTOOL_SRXCLSRLINS = 0x32;
    internal const uint ETHTOOL_GSSET_INFO = 0x37;
    internal const uint ETHTOOL_GFEATURES = 0x3a;
    internal const uint ETHTOOL_GCHANNELS = 0x3c;
    internal const uint ETH_SS_FEATURES = 4;
    internal const int ETH_GSTRING_LEN = 32;
    internal const int ETH_ALEN = 6;
    internal const uint ETHER_FLOW = 0x12;
    internal const uint FLOW_EXT = 0x80000000;
    internal const uint RX_CLS_LOC_SPECIAL = 0x80000000;
    internal const uint RX_CLS_LOC_ANY = 0xffffffff;
    internal const uint SPEED_UNKNOWN = 0xffffffff;
    internal const byte DUPLEX_HALF = 0;
    internal const byte DUPLEX_FULL = 1;

    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_cmd
    {
        public uint cmd;
        public uint supported;
        public uint advertising;
        public ushort speed;
        public byte duplex;
        public byte port;
        public byte phy_address;
        public byte transceiver;
        public byte autoneg;
        public byte mdio_support;
        public uint maxtxpkt;
        public uint maxrxpkt;
        public ushort speed_hi;
        public byte eth_tp_mdix;
        public byte eth_tp_mdix_ctrl;
        public uint lp_advertising;
        public fixed uint reserved[2];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_drvinfo
    {
        public uint cmd;
        public fixed byte driver[32];
        public fixed byte version[32];
        public fixed byte fw_version[32];
        public fixed byte bus_info[32];
        public fixed byte erom_version[32];
        public fixed byte reserved2[12];
        public uint n_priv_flags;
        public uint n_stats;
        public uint testinfo_len;
        public uint eedump_len;
        public uint regdump_len;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_channels
    {
        public uint cmd;
        public uint max_rx;
        public uint max_tx;
        public uint max_other;
        public uint max_combined;
        public uint rx_count;
        public uint tx_count;
        public uint other_count;
        public uint combined_count;
    }

    /// <summary>With room for the length of one set behind it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_sset_info
    {
        public uint cmd;
        public uint reserved;
        public ulong sset_mask;
        public uint data;
    }

    /// <summary>The strings follow, <see cref="ETH_GSTRING_LEN"/> bytes each.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_gstrings
    {
        public uint cmd;
        public uint string_set;
        public uint len;
    }

    /// <summary>The blocks follow.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_gfeatures
    {
        public uint cmd;
        public uint size;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_get_features_block
    {
        public uint available;
        public uint requested;
        public uint active;
        public uint never_changed;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    internal struct ethhdr
    {
        public fixed byte h_dest[ETH_ALEN];
        public fixed byte h_source[ETH_ALEN];
        public ushort h_proto;
    }

    /// <summary>The one member of the union that is used, and room for the longest.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 52)]
    internal struct ethtool_flow_union
    {
        public ethhdr ether_spec;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_flow_ext
    {
        public fixed byte padding[2];
        public fixed byte h_dest[ETH_ALEN];
        public ushort vlan_etype;
        public ushort vlan_tci;
        public fixed uint data[2];
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_rx_flow_spec
    {
        public uint flow_type;
        public ethtool_flow_union h_u;
        public ethtool_flow_ext h_ext;
        public ethtool_flow_union m_u;
        public ethtool_flow_ext m_ext;
        public ulong ring_cookie;
        public uint location;
    }

    /// <summary>The places of rules follow at <see cref="RuleLocations"/>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ethtool_rxnfc
    {
        public uint cmd;
        public uint flow_type;
        public ulong data;
        public ethtool_rx_flow_spec fs;
        public uint rule_cnt;
    }

    /// <summary>The offset of <c>rule_locs</c>, which lies in what would be padding.</summary>
    internal const int RuleLocations = 188;
}
