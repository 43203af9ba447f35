using VhostSwitch.Ports.NetAfXdp;

namespace VhostSwitch.Ports.Tests.NetAfXdp;

public sealed class AttachedInterfaceTests : IDisposable
{
    private const string Ethernet = "0x020000";

    private readonly string _root = Directory.CreateTempSubdirectory("vsw").FullName;
    private readonly string _drivers = Directory.CreateTempSubdirectory("vsw").FullName;

    public void Dispose()
    {
        Directory.Delete(_root, recursive: true);
        Directory.Delete(_drivers, recursive: true);
    }

    [Theory]
    [InlineData("eth1", "net_af_xdp4,iface=eth1")]
    [InlineData("eth1,queue_count=2,mode=skb", "net_af_xdp4,iface=eth1,queue_count=2,mode=skb")]
    public void TakesTheNameOfAnInterface(string text, string vdev) => Assert.Equal(vdev, AttachedInterface.ToVdev(text, 4, _root));

    [Theory]
    [InlineData("0000:01:00.0", "net_af_xdp0,iface=enp1s0f0")]
    [InlineData("01:00.0", "net_af_xdp0,iface=enp1s0f0")]
    [InlineData("01:00.0,start_queue=1", "net_af_xdp0,iface=enp1s0f0,start_queue=1")]
    [InlineData("0000:0A:00.0", "net_af_xdp0,iface=enp10s0")]
    public void FindsTheInterfaceOfAPciDevice(string text, string vdev)
    {
        Make("0000:01:00.0", Ethernet, "ixgbe", "net/enp1s0f0");
        Make("0000:0a:00.0", Ethernet, "ice", "net/enp10s0");
        Assert.Equal(vdev, AttachedInterface.ToVdev(text, 0, _root));
    }

    [Fact]
    public void FindsTheInterfaceOfAVirtioDevice()
    {
        Make("0000:00:03.0", Ethernet, "virtio-pci", "virtio0/net/ens3");
        Assert.Equal("net_af_xdp0,iface=ens3", AttachedInterface.ToVdev("00:03.0", 0, _root));
    }

    [Theory]
    [InlineData("0000:01:00.0", true)]
    [InlineData("01:00.0,queue_count=2", true)]
    [InlineData("10000:01:00.0", true)]
    [InlineData("eth1", false)]
    [InlineData("01:00.8", false)]
    [InlineData("net_tap0", false)]
    public void KnowsAnAddressFromAName(string text, bool isAddress) => Assert.Equal(isAddress, AttachedInterface.IsPciAddress(text));

    [Fact]
    public void ListsNetworkDevicesWhereThereIsNoneAtTheAddress()
    {
        Make("0000:01:00.0", Ethernet, "ixgbe", "net/eth0");
        Make("0000:02:00.0", "0x010802", "nvme");
        Assert.Equal("there is no PCI device 0000:05:00.0; network devices are 0000:01:00.0", Error("05:00.0"));
        Assert.Equal("PCI device 0000:02:00.0 is no network device (class 0x010802); network devices are 0000:01:00.0", Error("02:00.0"));
    }

    [Fact]
    public void SaysHowADeviceOfAProgramIsGivenBack()
    {
        Make("0000:01:00.0", Ethernet, "vfio-pci");
        string error = Error("01:00.0");
        Assert.StartsWith("PCI device 0000:01:00.0 is bound to vfio-pci, so there is no interface", error, StringComparison.Ordinal);
        Assert.Contains("dpdk-devbind.py -b KERNELDRIVER 0000:01:00.0", error, StringComparison.Ordinal);
        Assert.Contains("driver_override", error, StringComparison.Ordinal);
    }

    [Fact]
    public void SaysHowADeviceWithoutDriverGetsOne()
    {
        Make("0000:01:00.0", Ethernet, null);
        Assert.Equal("PCI device 0000:01:00.0 has no driver, so there is no interface; "
            + "bind it to its kernel driver with dpdk-devbind.py -b KERNELDRIVER 0000:01:00.0",
            Error("01:00.0"));
    }

    [Fact]
    public void SaysThatADeviceHasNoInterfaceOrSeveral()
    {
        Make("0000:01:00.0", Ethernet, "ixgbe");
        Make("0000:02:00.0", Ethernet, "mlx4_core", "net/b", "net/a");
        Assert.StartsWith("PCI device 0000:01:00.0 has no interface, though its driver is ixgbe", Error("01:00.0"), StringComparison.Ordinal);
        Assert.Equal("PCI device 0000:02:00.0 has the interfaces a, b; name one of them in place of the address", Error("02:00.0"));
        Assert.StartsWith("an interface is needed", Error(""), StringComparison.Ordinal);
    }

    private string Error(string text) => Assert.Throws<PortException>(() => AttachedInterface.ToVdev(text, 0, _root)).Message;

    private void Make(string address, string pciClass, string? driver, params string[] folders)
    {
        string device = Directory.CreateDirectory(Path.Combine(_root, address)).FullName;
        File.WriteAllText(Path.Combine(device, "class"), pciClass + "\n");
        foreach (string folder in folders)
            Directory.CreateDirectory(Path.Combine(device, folder));
        if (driver is null) return;
        string drivers = Directory.CreateDirectory(Path.Combine(_drivers, driver)).FullName;
        Directory.CreateSymbolicLink(Path.Combine(device, "driver"), drivers);
    }
}
