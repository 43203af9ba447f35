using System.Text.RegularExpressions;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// What <c>-a</c> names, as a device of <see cref="AfXdpDriver"/>: an interface by its name, or the interface of a PCI device by the device's
/// address. Its kernel driver stays: this switch takes no device away from the kernel.
/// </summary>
public static partial class AttachedInterface
{
    /// <summary>Where the kernel shows PCI devices.</summary>
    public const string PciDevices = "/sys/bus/pci/devices";

    private const string NetworkClass = "0x02";

    // The drivers under which a device belongs to a program and has no interface.
    private static readonly string[] DriversForPrograms = ["vfio-pci", "uio_pci_generic", "igb_uio"];

    /// <summary>True for the address of a PCI device, with or without its domain.</summary>
    /// <param name="text">The text, arguments behind it included.</param>
    public static bool IsPciAddress(string text) => PciAddress().IsMatch(text.Split(',')[0]);

    /// <summary>Turns the value of <c>-a</c> into that of <c>--vdev</c>.</summary>
    /// <param name="text">An interface, <c>0000:01:00.0</c> or <c>01:00.0</c>; arguments of the driver may follow, <c>,key=value</c> each.</param>
    /// <param name="number">The number behind the driver's name.</param>
    /// <param name="pciDevices">Where the kernel shows PCI devices.</param>
    /// <returns>For example <c>net_af_xdp0,iface=eth1</c>.</returns>
    /// <exception cref="PortException">There is no such device, or it has no interface.</exception>
    public static string ToVdev(string text, int number, string pciDevices = PciDevices)
    {
        string[] words = text.Split(',');
        if (words[0].Length == 0) throw new PortException("an interface is needed, by its name or by the address of its PCI device");
        string name = IsPciAddress(text) ? InterfaceOf(words[0], pciDevices) : words[0];
        return string.Join(',', [$"net_af_xdp{number}", $"iface={name}", .. words[1..]]);
    }

    private static string InterfaceOf(string address, string pciDevices)
    {
        string full = (address.Count(c => c == ':') == 1 ? "0000:" + address : address).ToLowerInvariant();
        string device = Path.Combine(pciDevices, full);
        if (!Directory.Exists(device)) throw new PortException($"there is no PCI device {full}; {NetworkDevices(pciDevices)}");
        if (!IsOfNetwork(device))
            throw new PortException($"PCI device {full} is no network device (class {Read(device, "class")}); {NetworkDevices(pciDevices)}");
        string? driver = Path.GetFileName(new FileInfo(Path.Combine(device, "driver")).LinkTarget);
        if (driver is null)
        {
            throw new PortException($"PCI device {full} has no driver, so there is no interface; "
                + $"bind it to its kernel driver with dpdk-devbind.py -b KERNELDRIVER {full}");
        }
        if (DriversForPrograms.Contains(driver))
        {
            throw new PortException($"PCI device {full} is bound to {driver}, so there is no interface; "
                + $"give it back to the kernel with dpdk-devbind.py -b KERNELDRIVER {full}"
                + " (and an empty driver_override), this switch uses interfaces of the kernel");
        }
        string[] interfaces = [.. InterfacesBelow(device).Order(StringComparer.Ordinal)];
        return interfaces switch
        {
            [var one] => one,
            [] => throw new PortException($"PCI device {full} has no interface, though its driver is {driver}; "
                + "is the interface in another network namespace?"),
            _ => throw new PortException($"PCI device {full} has the interfaces {string.Join(", ", interfaces)}; "
                + "name one of them in place of the address"),
        };
    }

    // Those of virtio are one level deeper: virtio0/net/eth0.
    private static IEnumerable<string> InterfacesBelow(string device) =>
        Directory.EnumerateDirectories(device, "virtio*").Prepend(device)
            .Select(folder => Path.Combine(folder, "net"))
            .Where(Directory.Exists)
            .SelectMany(Directory.EnumerateDirectories)
            .Select(folder => Path.GetFileName(folder));

    private static string NetworkDevices(string pciDevices)
    {
        string[] found = Directory.Exists(pciDevices)
            ? [.. Directory.EnumerateDirectories(pciDevices).Where(IsOfNetwork).Select(folder => Path.GetFileName(folder))
                .Order(StringComparer.Ordinal)]
            : [];
        return found.Length == 0 ? "there are no network devices at PCI" : $"network devices are {string.Join(", ", found)}";
    }

    private static bool IsOfNetwork(string device) => Read(device, "class").StartsWith(NetworkClass, StringComparison.Ordinal);

    private static string Read(string device, string file)
    {
        string path = Path.Combine(device, file);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : "";
    }

    [GeneratedRegex("^([0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]$")]
    private static partial Regex PciAddress();
}
