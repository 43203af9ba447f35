using System.Globalization;

namespace VhostSwitch.Ports;

/// <summary>
/// A device as <c>--vdev</c> names it: <c>net_tap0,iface=tap0,queues=2</c>. The name is that of its driver with letters or digits
/// behind it, and the arguments are the driver's.
/// </summary>
public sealed class Vdev
{
    private readonly Dictionary<string, List<string>> _values;

    private Vdev(string name, string portName, PortDriver driver, Dictionary<string, List<string>> values)
    {
        Name = name;
        PortName = portName;
        Driver = driver;
        _values = values;
    }

    /// <summary>The device's name, unique in the switch.</summary>
    public string Name { get; }

    /// <summary>Its driver.</summary>
    public PortDriver Driver { get; }

    /// <summary>The name of its port; the device's own where nothing else was said.</summary>
    public string PortName { get; }

    /// <summary>Makes a device of a driver, under any name.</summary>
    /// <param name="name">The device's name.</param>
    /// <param name="driver">The driver.</param>
    /// <param name="arguments">The arguments, which may have commas in them.</param>
    /// <exception cref="PortException">The driver has no such argument.</exception>
    public static Vdev Of(string name, PortDriver driver, params ReadOnlySpan<(string Key, string Value)> arguments)
    {
        var vdev = new Vdev(name, name, driver, []);
        foreach (var (key, value) in arguments)
            vdev.Add(key, value);
        return vdev;
    }

    /// <summary>Reads the value of <c>--vdev</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="drivers">The drivers there are.</param>
    /// <exception cref="PortException">No driver has such a name, or the driver has no such argument.</exception>
    public static Vdev Parse(string text, IReadOnlyList<PortDriver> drivers)
    {
        string[] words = text.Split(',');
        string name = words[0];
        // net_af_packet0 is a device of net_af_packet, not of a shorter name that it begins with.
        var driver = drivers.Where(d => d.NameIn(name) is not null).MaxBy(d => d.Name.Length)
            ?? throw new PortException($"'{name}' names no driver; there are {string.Join(", ", drivers.Select(d => d.Name))}, each with a number behind it, for example {drivers[0].Name}0");
        if (name == driver.NameIn(name)) throw new PortException($"'{name}' is a driver; a device of it has a number behind the name, for example {name}0");
        var vdev = new Vdev(name, name, driver, []);
        foreach (string word in words[1..])
        {
            int at = word.IndexOf('=');
            vdev.Add(at < 0 ? word : word[..at], at < 0 ? "" : word[(at + 1)..]);
        }
        return vdev;
    }

    /// <summary>The same device under other names.</summary>
    /// <param name="name">The device's name.</param>
    /// <param name="portName">The name of its port.</param>
    public Vdev As(string name, string portName) => new(name, portName, Driver, _values);

    /// <summary>The same device with another value of an argument.</summary>
    /// <param name="key">The argument's key.</param>
    /// <param name="value">Its only value.</param>
    /// <exception cref="PortException">The driver has no such argument.</exception>
    public Vdev With(string key, string value)
    {
        var vdev = new Vdev(Name, PortName, Driver, _values.Where(argument => argument.Key != key).ToDictionary());
        vdev.Add(key, value);
        return vdev;
    }

    /// <summary>The last value of an argument; null where it was not given.</summary>
    /// <param name="key">The argument's key.</param>
    public string? Text(string key) => All(key).LastOrDefault();

    /// <summary>All values of an argument, in order.</summary>
    /// <param name="key">The argument's key.</param>
    public IReadOnlyList<string> All(string key) => _values.GetValueOrDefault(key) ?? [];

    /// <summary>The value of an argument that the device cannot do without.</summary>
    /// <param name="key">The argument's key.</param>
    /// <exception cref="PortException">It was not given.</exception>
    public string Required(string key) => Text(key) is { Length: > 0 } text ? text : throw Wrong($"needs {key}={Driver.Arguments.First(a => a.Key == key).ValueName}");

    /// <summary>A whole number.</summary>
    /// <param name="key">The argument's key.</param>
    /// <param name="default">The value where it was not given.</param>
    /// <param name="least">The least value allowed.</param>
    /// <param name="most">The greatest value allowed.</param>
    /// <exception cref="PortException">The value is none of these.</exception>
    public int Number(string key, int @default, int least, int most)
    {
        if (Text(key) is not { } text) return @default;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
            ? value
            : throw Wrong($"{key}={text} was given, a number from {least} to {most} is allowed");
    }

    /// <summary>A switch: <c>key=0</c> or <c>key=1</c>; the key alone is on.</summary>
    /// <param name="key">The argument's key.</param>
    /// <param name="default">The value where it was not given.</param>
    /// <exception cref="PortException">The value is neither.</exception>
    public bool Flag(string key, bool @default) => Text(key) switch
    {
        null => @default,
        "" or "1" => true,
        "0" => false,
        var text => throw Wrong($"{key}={text} was given, 0 or 1 is allowed"),
    };

    /// <summary>The exception for an argument of this device.</summary>
    /// <param name="what">What is wrong, behind the device's name.</param>
    public PortException Wrong(string what) => new($"{Name}: {what}");

    /// <summary>True for the same device with the same arguments and the same port.</summary>
    /// <param name="other">Another one.</param>
    public bool IsSameAs(Vdev other) =>
        Name == other.Name && PortName == other.PortName && Driver.Name == other.Driver.Name && _values.Count == other._values.Count
        && _values.All(argument => argument.Value.SequenceEqual(other.All(argument.Key)));

    /// <inheritdoc/>
    public override string ToString() => Name;

    private void Add(string key, string value)
    {
        if (Driver.Arguments.All(a => a.Key != key))
        {
            string known = Driver.Arguments.Count == 0 ? "it takes none" : $"it takes {string.Join(", ", Driver.Arguments.Select(a => a.Key))}";
            throw Wrong($"'{key}' is no argument of {Driver.Name}; {known}");
        }
        if (!_values.TryGetValue(key, out var values)) _values.Add(key, values = []);
        values.Add(value);
    }
}
