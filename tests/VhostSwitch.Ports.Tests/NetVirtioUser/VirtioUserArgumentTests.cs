namespace VhostSwitch.Ports.Tests.NetVirtioUser;

public sealed class VirtioUserArgumentTests
{
    [Theory]
    [InlineData("virtio_user0", "needs path=PATH")]
    [InlineData("virtio_user0,path=", "needs path=PATH")]
    [InlineData("virtio_user0,path=/x,mac=01:00:00:00:00:01", "an address of one station")]
    [InlineData("virtio_user0,path=/x,mac=me", "mac=me was given")]
    [InlineData("virtio_user0,path=/x,queues=0", "queues=0 was given, a number from 1 to 128 is allowed")]
    [InlineData("virtio_user0,path=/x,queue_size=300", "queue_size=300 was given, a power of two is needed")]
    [InlineData("virtio_user0,path=/x,queue_size=65536", "queue_size=65536 was given, a number from 2 to 32768 is allowed")]
    [InlineData("virtio_user0,path=/x,mrg_rxbuf=2", "mrg_rxbuf=2 was given, 0 or 1 is allowed")]
    [InlineData("virtio_user0,path=/x,vectorized=1", "vectorized=1 was given; there is one way to receive here")]
    [InlineData("virtio_user0,path=/x,speed=fast", "speed=fast was given")]
    [InlineData("virtio_user0,path=/x,iface=a/b", "iface=a/b was given")]
    [InlineData("virtio_user0,path=/x,rss=1", "'rss' is no argument of virtio_user")]
    public void AWrongArgumentIsNamedWithWhatIsAllowed(string vdev, string sentence)
    {
        string refusal = DeviceArguments.RefusalOf(vdev);
        Assert.StartsWith("virtio_user0: ", refusal, StringComparison.Ordinal);
        Assert.Contains(sentence, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("virtio_user0,path=/dev/null", "path=/dev/null names no back-end")]
    [InlineData("virtio_user0,path=/proc/version", "path=/proc/version names no back-end")]
    [InlineData("virtio_user0,path=/nowhere/s,iface=tap0", "iface=tap0 was given, and /nowhere/s is a socket")]
    [InlineData("virtio_user0,path=/dev/fuse,server=1", "server=1 was given, and /dev/fuse is no socket")]
    [InlineData("virtio_user0,path=/nowhere/s,server=1", "there is no directory /nowhere")]
    public void APathDecidesWhatTheOtherArgumentsMayBe(string vdev, string sentence)
    {
        using var rig = new PortRig();
        Assert.Contains(sentence, Assert.Throws<PortException>(() => rig.Add(vdev)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAddressThatIsNotGivenIsOneOfASingleStation()
    {
        var addresses = Enumerable.Range(0, 20).Select(i => DeviceArguments.Accept($"virtio_user{i},path=/x").Address!.Value).ToHashSet();
        Assert.Equal(20, addresses.Count);
        Assert.All(addresses, a => Assert.Equal(2ul, a.Value & 3));
        Assert.Equal("02:00:00:00:00:07", DeviceArguments.Accept("virtio_user0,path=/x,mac=02:00:00:00:00:07").Address!.Value.ToString());
    }
}
