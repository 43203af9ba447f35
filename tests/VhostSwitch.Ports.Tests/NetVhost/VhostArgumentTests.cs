namespace VhostSwitch.Ports.Tests.NetVhost;

public sealed class VhostArgumentTests
{
    [Theory]
    [InlineData("net_vhost0", "needs iface=PATH")]
    [InlineData("net_vhost0,iface=", "needs iface=PATH")]
    [InlineData("net_vhost0,iface=s,queues=0", "queues=0 was given, a number from 1 to 128 is allowed")]
    [InlineData("net_vhost0,iface=s,queues=129", "queues=129 was given, a number from 1 to 128 is allowed")]
    [InlineData("net_vhost0,iface=s,tso=2", "tso=2 was given, 0 or 1 is allowed")]
    [InlineData("net_vhost0,iface=s,client=2", "client=2 was given, 0 or 1 is allowed")]
    [InlineData("net_vhost0,iface=s,dequeue-zero-copy=1", "dequeue-zero-copy=1 is not built: frames are copied once")]
    [InlineData("net_vhost0,iface=s,linear-buffer=1", "start the front-end without mergeable buffers")]
    [InlineData("net_vhost0,iface=s,ext-buffer=1", "tso=1 alone has large segments")]
    [InlineData("net_vhost0,iface=s,legacy-ol-flags=1", "it concerns packet buffers of DPDK; leave it out")]
    [InlineData("net_vhost0,iface=s,rx_queues=1", "'rx_queues' is no argument of net_vhost; it takes iface, queues, tso, iommu-support")]
    public void AWrongArgumentIsNamedWithWhatIsAllowed(string vdev, string sentence)
    {
        string refusal = DeviceArguments.RefusalOf(vdev);
        Assert.StartsWith("net_vhost0: ", refusal, StringComparison.Ordinal);
        Assert.Contains(sentence, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsSwitchedOffIsNoMistake()
    {
        var device = DeviceArguments.Accept(
            "net_vhost0,iface=/tmp/s,queues=128,tso=1,iommu-support=1,postcopy-support=1,client=0,dequeue-zero-copy=0,linear-buffer=0,ext-buffer=0,legacy-ol-flags=0");
        Assert.Equal("/tmp/s", device.Endpoint);
        Assert.Equal("waiting for a front-end", device.Status);
        Assert.True(device.Port.MergesSegments);
    }
}
