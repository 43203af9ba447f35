namespace VhostSwitch.Ports.Tests.NetTap;

public sealed class TapArgumentTests
{
    [Theory]
    [InlineData("net_tap0,iface=", "iface= was given; an interface's name has 1 to 15 bytes")]
    [InlineData("net_tap0,iface=0123456789abcdef", "iface=0123456789abcdef was given; an interface's name has 1 to 15 bytes")]
    [InlineData("net_tap0,iface=a/b", "iface=a/b was given")]
    [InlineData("net_tap0,iface=..", "iface=.. was given")]
    [InlineData("net_tap0,iface=%d%d", "no other %")]
    [InlineData("net_tap0,iface=tap%s", "no other %")]
    [InlineData("net_tap0,mac=fixe", "mac=fixe was given; 'fixed' is allowed")]
    [InlineData("net_tap0,mac=ff:ff:ff:ff:ff:ff", "an address of one station")]
    [InlineData("net_tap0,mac=01:00:00:00:00:01", "an address of one station")]
    [InlineData("net_tap0,mac=00:00:00:00:00:00", "an address of one station")]
    [InlineData("net_tap0,queues=0", "queues=0 was given, a number from 1 to 16 is allowed")]
    [InlineData("net_tap0,queues=17", "queues=17 was given, a number from 1 to 16 is allowed")]
    [InlineData("net_tap0,mtu=67", "mtu=67 was given, a number from 68 to 65521 is allowed")]
    [InlineData("net_tap0,mtu=65522", "mtu=65522 was given, a number from 68 to 65521 is allowed")]
    [InlineData("net_tap0,offload=2", "offload=2 was given, 0 or 1 is allowed")]
    [InlineData("net_tap0,persist=yes", "persist=yes was given, 0 or 1 is allowed")]
    [InlineData("net_tap0,remote=eth0", "'remote' is no argument of net_tap; it takes iface, mac, persist, queues, mtu, offload")]
    public void AWrongArgumentIsNamedWithWhatIsAllowed(string vdev, string sentence)
    {
        string refusal = DeviceArguments.RefusalOf(vdev);
        Assert.StartsWith("net_tap0: ", refusal, StringComparison.Ordinal);
        Assert.Contains(sentence, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net_tap0", "dtap%d")]
    [InlineData("net_tap0,iface=tap7", "tap7")]
    [InlineData("net_tap0,iface=0123456789abcde,mac=02:00:00:00:00:01,persist,queues=16,mtu=9000,offload=0", "0123456789abcde")]
    public void TheInterfaceIsTheEndpoint(string vdev, string endpoint)
    {
        var device = DeviceArguments.Accept(vdev);
        Assert.Equal(endpoint, device.Endpoint);
        Assert.Equal("not open", device.Status);
    }

    [Fact]
    public void WithoutOffloadsNoneAreNamed()
    {
        Assert.Empty(DeviceArguments.Accept("net_tap0,offload=0").Offloads);
        Assert.Contains("tx-tcp-segmentation", DeviceArguments.Accept("net_tap0").Offloads);
    }
}
