namespace VhostSwitch.Ports.Tests.NetAfPacket;

public sealed class AfPacketArgumentTests
{
    [Theory]
    [InlineData("net_af_packet0", "needs iface=NAME")]
    [InlineData("net_af_packet0,iface=", "needs iface=NAME")]
    [InlineData("net_af_packet0,iface=a,qpairs=0", "qpairs=0 was given, a number from 1 to 16 is allowed")]
    [InlineData("net_af_packet0,iface=a,qpairs=17", "qpairs=17 was given, a number from 1 to 16 is allowed")]
    [InlineData("net_af_packet0,iface=a,qdisc_bypass=2", "qdisc_bypass=2 was given, 0 or 1 is allowed")]
    [InlineData("net_af_packet0,iface=a,fanout_mode=flow", "fanout_mode=flow was given; hash, lb, cpu, rollover, rnd, qm are allowed")]
    [InlineData("net_af_packet0,iface=a,blocksz=5000", "blocksz=5000 was given; a multiple of 4096 is allowed")]
    [InlineData("net_af_packet0,iface=a,framesz=2050", "framesz=2050 was given; a multiple of 16 is allowed")]
    [InlineData("net_af_packet0,iface=a,blocksz=4096,framesz=8192", "framesz=8192 was given; a frame must fit into a block of blocksz=4096 bytes")]
    [InlineData("net_af_packet0,iface=a,framecnt=31", "framecnt=31 was given, a number from 32 to 65535 is allowed")]
    [InlineData("net_af_packet0,iface=a,framecnt=65535", "need 4369 MiB of the kernel's memory; 2048 MiB are allowed")]
    [InlineData("net_af_packet0,iface=a,framesz=2048,blocksz=16777216,framecnt=65535", "makes more than 65535")]
    [InlineData("net_af_packet0,iface=a,mtu=1500", "'mtu' is no argument of net_af_packet")]
    public void AWrongArgumentIsNamedWithWhatIsAllowed(string vdev, string sentence)
    {
        string refusal = DeviceArguments.RefusalOf(vdev);
        Assert.StartsWith("net_af_packet0: ", refusal, StringComparison.Ordinal);
        Assert.Contains(sentence, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net_af_packet0,iface=eth1")]
    [InlineData("net_af_packet0,iface=eth1,qpairs=16,qdisc_bypass=1,blocksz=4096,framesz=2048,framecnt=512,fanout_mode=qm")]
    [InlineData("net_af_packet0,iface=eth1,blocksz=65536")]
    public void TheInterfaceIsTheEndpoint(string vdev) => Assert.Equal("eth1", DeviceArguments.Accept(vdev).Endpoint);
}
