using VhostSwitch.TestKit.Host;
using static VhostSwitch.Linux.EthtoolStructures;

namespace VhostSwitch.Linux.Tests;

public sealed unsafe class EthtoolTests
{
    private const uint EthernetWithTag = 0x80000012;

    private static readonly byte[] Address = [0x02, 0, 0, 0, 0, 0x17];

    [Fact]
    public void StructuresAreThoseOfTheKernelsHeaders()
    {
        var source = new CLayout("linux/ethtool.h", "sys/socket.h", "net/if.h")
            .Size<ethtool_drvinfo>("struct ethtool_drvinfo")
            .Field<ethtool_drvinfo>(nameof(ethtool_drvinfo.driver), "struct ethtool_drvinfo", "driver")
            .Size<ethtool_channels>("struct ethtool_channels")
            .Field<ethtool_channels>(nameof(ethtool_channels.rx_count), "struct ethtool_channels", "rx_count")
            .Field<ethtool_channels>(nameof(ethtool_channels.combined_count), "struct ethtool_channels", "combined_count")
            .Field<ethtool_channels>(nameof(ethtool_channels.max_combined), "struct ethtool_channels", "max_combined")
            .Field<ethtool_sset_info>(nameof(ethtool_sset_info.sset_mask), "struct ethtool_sset_info", "sset_mask")
            .Field<ethtool_sset_info>(nameof(ethtool_sset_info.data), "struct ethtool_sset_info", "data")
            .Size<ethtool_gstrings>("struct ethtool_gstrings")
            .Size<ethtool_gfeatures>("struct ethtool_gfeatures")
            .Size<ethtool_get_features_block>("struct ethtool_get_features_block")
            .Field<ethtool_get_features_block>(nameof(ethtool_get_features_block.active), "struct ethtool_get_features_block", "active")
            .Size<ethhdr>("struct ethhdr")
            .Size<ethtool_flow_union>("union ethtool_flow_union")
            .Size<ethtool_flow_ext>("struct ethtool_flow_ext")
            .Field<ethtool_flow_ext>(nameof(ethtool_flow_ext.vlan_tci), "struct ethtool_flow_ext", "vlan_tci")
            .Size<ethtool_rx_flow_spec>("struct ethtool_rx_flow_spec")
            .Field<ethtool_rx_flow_spec>(nameof(ethtool_rx_flow_spec.h_ext), "struct ethtool_rx_flow_spec", "h_ext")
            .Field<ethtool_rx_flow_spec>(nameof(ethtool_rx_flow_spec.m_u), "struct ethtool_rx_flow_spec", "m_u")
            .Field<ethtool_rx_flow_spec>(nameof(ethtool_rx_flow_spec.m_ext), "struct ethtool_rx_flow_spec", "m_ext")
            .Field<ethtool_rx_flow_spec>(nameof(ethtool_rx_flow_spec.ring_cookie), "struct ethtool_rx_flow_spec", "ring_cookie")
            .Field<ethtool_rx_flow_spec>(nameof(ethtool_rx_flow_spec.location), "struct ethtool_rx_flow_spec", "location")
            .Size<ethtool_rxnfc>("struct ethtool_rxnfc")
            .Field<ethtool_rxnfc>(nameof(ethtool_rxnfc.data), "struct ethtool_rxnfc", "data")
            .Field<ethtool_rxnfc>(nameof(ethtool_rxnfc.fs), "struct ethtool_rxnfc", "fs")
            .Field<ethtool_rxnfc>(nameof(ethtool_rxnfc.rule_cnt), "struct ethtool_rxnfc", "rule_cnt")
            .Constant(RuleLocations, "offsetof(struct ethtool_rxnfc, rule_locs)")
            .Size<EthtoolSocket.ifreq>("struct ifreq")
            .Field<EthtoolSocket.ifreq>(nameof(EthtoolSocket.ifreq.ifr_data), "struct ifreq", "ifr_data")
            .Constant(ETHTOOL_GDRVINFO, "ETHTOOL_GDRVINFO").Constant(ETHTOOL_GSTRINGS, "ETHTOOL_GSTRINGS")
            .Constant(ETHTOOL_GRXCLSRLCNT, "ETHTOOL_GRXCLSRLCNT")
            .Constant(ETHTOOL_GRXCLSRLALL, "ETHTOOL_GRXCLSRLALL").Constant(ETHTOOL_SRXCLSRLDEL, "ETHTOOL_SRXCLSRLDEL")
            .Constant(ETHTOOL_SRXCLSRLINS, "ETHTOOL_SRXCLSRLINS")
            .Constant(ETHTOOL_GSSET_INFO, "ETHTOOL_GSSET_INFO").Constant(ETHTOOL_GFEATURES, "ETHTOOL_GFEATURES")
            .Constant(ETHTOOL_GCHANNELS, "ETHTOOL_GCHANNELS")
            .Constant(ETH_SS_FEATURES, "ETH_SS_FEATURES").Constant(ETH_GSTRING_LEN, "ETH_GSTRING_LEN").Constant(ETHER_FLOW, "ETHER_FLOW")
            .Constant(FLOW_EXT, "FLOW_EXT")
            .Constant(RX_CLS_LOC_SPECIAL, "RX_CLS_LOC_SPECIAL").Constant(RX_CLS_LOC_ANY, "RX_CLS_LOC_ANY");
        Assert.Equal("", source.Complaints());
    }

    [Theory]
    [InlineData("veth.txt", "veth", 2, 2)]
    [InlineData("virtio_net.txt", "virtio_net", 1, 1)]
    public void ReadsDriverAndQueues(string recording, string driver, int now, int most)
    {
        var ethtool = new Ethtool(new RecordedEthtool(recording));
        Assert.Equal(driver, ethtool.Driver("x"));
        Assert.Equal((now, most), ethtool.Queues("x"));
    }

    [Fact]
    public void ReadsWhichFeaturesAreOn()
    {
        var features = new Ethtool(new RecordedEthtool("veth.txt")).ActiveFeatures("x");
        Assert.Contains("rx-vlan-hw-parse", features);
        Assert.Contains("tx-checksum-ip-generic", features);
        Assert.Contains("tx-scatter-gather", features);
        Assert.DoesNotContain("rx-ntuple-filter", features);
        Assert.DoesNotContain("rx-lro", features);
        Assert.DoesNotContain("rx-vlan-hw-parse", new Ethtool(new RecordedEthtool("virtio_net.txt")).ActiveFeatures("x"));
    }

    [Fact]
    public void SaysThatAnInterfaceHasNoRules() =>
        Assert.Equal(
            (Errno.EOPNOTSUPP, Errno.EOPNOTSUPP),
            (new Ethtool(new RecordedEthtool("veth.txt")).AskForRules("x"), new Ethtool(new RecordedEthtool("veth.txt")).InsertRule("x", Address, 5, 1, out _)));

    [Fact]
    public void MatchesAddressAndVlanIdAndNothingElse()
    {
        var nic = new ScriptedNic(8);
        Assert.Equal(0, new Ethtool(nic).InsertRule("x", Address, 0x123, 3, out uint rule));
        Assert.Equal(new ScriptedNic.Rule(EthernetWithTag, "020000000017", "ffffffffffff", "0123", "0fff", 3), Assert.Single(nic.Rules).Value);
        Assert.Equal(rule, nic.Rules.Keys.Single());
    }

    [Fact]
    public void LeavesTheTagOutWhereNoneIsAskedFor()
    {
        var nic = new ScriptedNic(8);
        Assert.Equal(0, new Ethtool(nic).InsertRule("x", Address, null, 3, out _));
        Assert.Equal(new ScriptedNic.Rule(ETHER_FLOW, "020000000017", "ffffffffffff", "0000", "0000", 3), Assert.Single(nic.Rules).Value);
    }

    [Fact]
    public void TakesPlacesFromTheEndThatAreFree()
    {
        var nic = new ScriptedNic(3);
        var ethtool = new Ethtool(nic);
        uint[] rules = new uint[3];
        for (int i = 0; i < 3; i++)
            Assert.Equal(0, ethtool.InsertRule("x", Address, (ushort)(i + 1), 0, out rules[i]));
        Assert.Equal([2u, 1u, 0u], rules);
        Assert.Equal(Errno.ENOSPC, ethtool.InsertRule("x", Address, 9, 0, out _));
        Assert.Equal(0, ethtool.DeleteRule("x", 1));
        Assert.Equal(0, ethtool.InsertRule("x", Address, 9, 0, out uint again));
        Assert.Equal(1u, again);
        Assert.Equal(Errno.ENOENT, ethtool.DeleteRule("x", 7));
    }

    [Fact]
    public void LeavesThePlaceToAnInterfaceThatChoosesIt()
    {
        var nic = new ScriptedNic(8) { Chooses = true };
        Assert.Equal(0, new Ethtool(nic).InsertRule("x", Address, 1, 0, out uint rule));
        Assert.Equal(0u, rule);
        Assert.Equal(0, new Ethtool(nic).InsertRule("x", Address, 2, 0, out rule));
        Assert.Equal(1u, rule);
    }

    [Fact]
    public void AsksTheKernelOfThisMachine()
    {
        var ethtool = new Ethtool(new EthtoolSocket());
        Assert.Null(ethtool.Driver("no-such-if"));
        Assert.Null(ethtool.Queues("no-such-if"));
        Assert.Contains("loopback", ethtool.ActiveFeatures("lo"));
    }
}
