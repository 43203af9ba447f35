using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Ports.NetVirtioUser;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.Tests.NetVirtioUser;

public sealed class VhostKernelTests : IDisposable
{
    private readonly CounterBlock[] _counters = [.. Enumerable.Range(0, 4).Select(_ => new CounterBlock())];

    public void Dispose() => Array.ForEach(_counters, c => c.Dispose());

    [Fact]
    public void ADeviceIsSetUpInTheOrderOfDpdksVirtioUser()
    {
        var kernel = new RecordedKernel();
        using var queues = Queues("queues=2,queue_size=1024", out var arguments);
        using var link = new VhostKernelLink(kernel, arguments, backEnd => Begin(kernel, queues, backEnd));
        link.Open();
        Assert.Equal("interface tap3 by /dev/vhost-net", link.Description);
        int setUp = kernel.Log.Count;
        Assert.Equal(
            [
                "open /dev/net/tun", "tun TUNGETFEATURES",
                "open /dev/vhost-net", "open /dev/vhost-net",
                "open /dev/net/tun nonblocking", "tap.0 TUNSETIFF '' 0x5112", "tap.0 TUNGETIFF",
                "open /dev/net/tun nonblocking", "tap.1 TUNSETIFF 'tap3' 0x5112", "tap.0 TUNGETIFF",
                "vhost0 VHOST_SET_OWNER 0", "vhost1 VHOST_SET_OWNER 0", "vhost0 VHOST_GET_FEATURES",
                "vhost0 VHOST_SET_VRING_CALL 0 call0", "vhost0 VHOST_SET_VRING_CALL 1 call1",
                "vhost1 VHOST_SET_VRING_CALL 0 call2", "vhost1 VHOST_SET_VRING_CALL 1 call3",
                // VERSION_1 and MRG_RXBUF, and nothing of the interface's.
                "vhost0 VHOST_SET_FEATURES 0x100008000", "vhost1 VHOST_SET_FEATURES 0x100008000",
                "vhost0 VHOST_SET_MEM_TABLE 1", "vhost1 VHOST_SET_MEM_TABLE 1",
                .. Ring("vhost0", 0, "kick0"), .. Ring("vhost0", 1, "kick1"), .. Ring("vhost1", 0, "kick2"), .. Ring("vhost1", 1, "kick3"),
                "tap.0 SIOCSIFHWADDR family 1 020000000001", .. Join("vhost0", "tap.0"), .. Join("vhost1", "tap.1"),
            ],
            kernel.Log);
        link.Dispose();
        Assert.Equal(
            [
                "vhost0 VHOST_NET_SET_BACKEND 0 -1", "vhost0 VHOST_NET_SET_BACKEND 1 -1",
                "vhost1 VHOST_NET_SET_BACKEND 0 -1", "vhost1 VHOST_NET_SET_BACKEND 1 -1",
            ],
            kernel.Log.Skip(setUp));
    }

    [Fact]
    public void WithoutLargeSegmentsTheInterfaceFinishesThem()
    {
        var kernel = new RecordedKernel { TapAbilities = 0x4002, Failure = ("TUNSETIFF", Errno.EINVAL) };
        using var queues = Queues("queues=2,mrg_rxbuf=0,iface=ext0", out var arguments);
        using var link = new VhostKernelLink(kernel, arguments, backEnd => Begin(kernel, queues, backEnd));
        // An interface that knows no NAPI is asked for again without.
        Assert.Throws<PortException>(link.Open);
        Assert.Equal(
            ["tap.0 TUNSETIFF 'ext0' 0x5012", "tap.0 TUNSETIFF 'ext0' 0x5002"],
            kernel.Log.Where(l => l.Contains("TUNSETIFF", StringComparison.Ordinal)));
        kernel.Failure = default;
        link.Open();
        // One pair, since the interface has no more queues; a header of 12 bytes all the same (VERSION_1); checksums alone.
        Assert.Equal(1, queues.Pairs);
        Assert.Contains("vhost1 VHOST_SET_FEATURES 0x100000000", kernel.Log);
        Assert.Contains("tap.1 TUNSETVNETHDRSZ 12", kernel.Log);
        Assert.Contains("tap.1 TUNSETOFFLOAD 1", kernel.Log);
    }

    [Fact]
    public void AnInterfaceThatWasDeletedIsMadeAnew()
    {
        var kernel = new RecordedKernel();
        using var queues = Queues("iface=ext0", out var arguments);
        using var link = new VhostKernelLink(kernel, arguments, backEnd => Begin(kernel, queues, backEnd));
        var told = new List<string>();
        link.Up += () => told.Add($"up {link.Description}");
        link.Down += () => told.Add($"down {link.Description}");
        link.Open();
        kernel.Interface = "renamed";
        link.Check();
        Assert.Equal("renamed", link.Endpoint);
        kernel.Interface = null;
        link.Check();
        Assert.Equal(
            [
                "up interface ext0 by /dev/vhost-net", "down gone: the interface renamed was deleted",
                "up interface renamed by /dev/vhost-net",
            ],
            told);
        Assert.Equal(2, kernel.Log.Count(l => l.EndsWith("VHOST_SET_OWNER 0", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("/dev/vhost-net", Errno.EACCES, "no right to use /dev/vhost-net")]
    [InlineData("/dev/vhost-net", Errno.ENODEV, "load its modules by 'modprobe vhost_net'")]
    [InlineData("/dev/net/tun", Errno.ENOENT, "load its modules by 'modprobe vhost_net' and 'modprobe tun'")]
    [InlineData("TUNSETIFF", Errno.EPERM, "setcap cap_net_admin+ep")]
    [InlineData("TUNSETIFF", Errno.EBUSY, "the interface ext0 is in use by another program")]
    [InlineData("VHOST_SET_OWNER", Errno.EBUSY, "in use by another program")]
    [InlineData("VHOST_SET_MEM_TABLE", Errno.ENOMEM, "the kernel refused a request: ioctl(VHOST_SET_MEM_TABLE)")]
    [InlineData("TUNSETOFFLOAD", Errno.EINVAL, "the kernel refused a request: ioctl(TUNSETOFFLOAD)")]
    [InlineData("VHOST_NET_SET_BACKEND", Errno.EINVAL, "the kernel refused a request: ioctl(VHOST_NET_SET_BACKEND)")]
    public void WhatTheKernelRefusesIsASentence(string request, int errno, string sentence)
    {
        var kernel = new RecordedKernel { Failure = (request, errno) };
        using var queues = Queues("iface=ext0", out var arguments);
        using var link = new VhostKernelLink(kernel, arguments, backEnd => Begin(kernel, queues, backEnd));
        Assert.Contains(sentence, Assert.Throws<PortException>(link.Open).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Ring(string device, int ring, string kick) =>
    [
        $"{device} VHOST_SET_VRING_NUM {ring}=1024", $"{device} VHOST_SET_VRING_BASE {ring}=0", $"{device} VHOST_SET_VRING_ADDR {ring} flags 0 log 0",
        $"{device} VHOST_SET_VRING_KICK {ring} {kick}",
    ];

    private static IEnumerable<string> Join(string device, string tap) =>
    [
        $"{tap} TUNSETVNETHDRSZ 12", $"{tap} TUNSETSNDBUF 2147483647", $"{tap} TUNSETOFFLOAD f",
        $"{device} VHOST_NET_SET_BACKEND 0 {tap}", $"{device} VHOST_NET_SET_BACKEND 1 {tap}",
    ];

    // The eventfds get names in the log before they are handed over.
    private static void Begin(RecordedKernel kernel, VirtioUserQueues queues, IBackEnd backEnd)
    {
        for (int ring = 0; ring < queues.Rings.Count; ring++)
        {
            kernel.Name(queues.Rings.Kicks[ring], $"kick{ring}");
            kernel.Name(queues.Rings.Calls[ring], $"call{ring}");
        }
        queues.Begin(backEnd);
    }

    private VirtioUserQueues Queues(string words, out VirtioUserArguments arguments)
    {
        arguments = VirtioUserArguments.Read(Vdev.Parse($"virtio_user0,path=/dev/vhost-net,mac=02:00:00:00:00:01,{words}", PortDrivers.All));
        return new VirtioUserQueues(arguments, new FrameMemory(0), _counters, _counters);
    }
}
