using VhostSwitch.Linux;
using VhostSwitch.Ports.NetAfXdp;

namespace VhostSwitch.Ports.Tests.NetAfXdp;

public sealed class AfXdpSentencesTests
{
    [Fact]
    public void NamesThePackageOfAMissingLibrary()
    {
        Assert.Null(AfXdpSentences.OfMissingLibrary(_ => true));
        Assert.Equal("libxdp.so.1 cannot be loaded; install libxdp1 (Debian, Ubuntu) or libxdp (Fedora)",
            AfXdpSentences.OfMissingLibrary(name => name != "libxdp.so.1"));
    }

    [Theory]
    [InlineData(Errno.EPERM, "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF")]
    [InlineData(Errno.EACCES, "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF")]
    [InlineData(Errno.EBUSY, "ip link set dev eth1 xdp off")]
    [InlineData(Errno.ENOBUFS, "ulimit -l")]
    [InlineData(Errno.EINVAL, "ethtool -l eth1")]
    [InlineData(Errno.EOPNOTSUPP, "mode=auto")]
    public void SaysWhatToDo(int error, string advice) =>
        Assert.Contains(advice, AfXdpSentences.Of(new LinuxException("binding", error), "eth1"), StringComparison.Ordinal);

    [Fact]
    public void ListsTheInterfacesThereAre() => Assert.Contains("; there are ", AfXdpSentences.OfMissingInterface("eth77"), StringComparison.Ordinal);

    [Theory]
    [InlineData("net_af_xdp0", "net_af_xdp0: needs iface=NAME")]
    [InlineData("net_af_xdp0,iface=e,mode=fast", "net_af_xdp0: mode=fast was given, auto, native or skb is allowed")]
    [InlineData("net_af_xdp0,iface=e,queue_count=0", "net_af_xdp0: queue_count=0 was given, a number from 1 to 64 is allowed")]
    [InlineData("net_af_xdp0,iface=e,force_copy=2", "net_af_xdp0: force_copy=2 was given, 0 or 1 is allowed")]
    [InlineData("net_af_xdp0,iface=e,shared_umem=1", "net_af_xdp0: 'shared_umem' is no argument of net_af_xdp")]
    public void RefusesArgumentsThatDoNotFit(string text, string reason)
    {
        var error = Assert.Throws<PortException>(() =>
        {
            var vdev = Vdev.Parse(text, PortDrivers.All);
            vdev.Driver.Create(vdev, null!);
        });
        Assert.StartsWith(reason, error.Message, StringComparison.Ordinal);
    }
}
