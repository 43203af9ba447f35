using System.Collections.Immutable;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>An object of the configuration with all in it. It never changes: a change makes another.</summary>
/// <param name="Table">What kind of object it is.</param>
/// <param name="Name">Its name; empty for the switch.</param>
internal sealed record ConfigRecord(ConfigTable Table, string Name)
{
    /// <summary>A switch without bridges.</summary>
    public static readonly ConfigRecord Empty = new(ConfigTable.Switch, "");

    /// <summary>The columns that have a value.</summary>
    public ImmutableDictionary<string, OvsdbDatum> Columns { get; init; } = ImmutableDictionary<string, OvsdbDatum>.Empty;

    /// <summary>The objects in its lists, those of all lists in one.</summary>
    public ImmutableList<ConfigRecord> Children { get; init; } = [];

    /// <summary>The objects in one of its lists.</summary>
    public IEnumerable<ConfigRecord> Of(ConfigTable table) => Children.Where(child => child.Table == table);

    /// <summary>With a value; an empty one takes the column away.</summary>
    public ConfigRecord With(string column, OvsdbDatum value) =>
        this with { Columns = value.Count == 0 ? Columns.Remove(column) : Columns.SetItem(column, value) };

    /// <summary>With another object in the place of one in it.</summary>
    public ConfigRecord With(ConfigRecord before, ConfigRecord after) => this with { Children = Children.Replace(before, after) };

    /// <summary>The first thing that no single value shows: a name that is not alone, or leads nowhere.</summary>
    /// <returns>Where it is, and what; null where all is well.</returns>
    public (ConfigRecord Where, string What)? Fault()
    {
        var bridges = new Dictionary<string, ConfigRecord>();
        var ports = new Dictionary<string, ConfigRecord>();
        foreach (var bridge in Of(ConfigTable.Bridge))
        {
            if (!bridges.TryAdd(bridge.Name, bridge)) return (bridge, $"there is another bridge {bridge.Name}");
        }
        foreach (var bridge in bridges.Values)
        {
            foreach (var port in bridge.Of(ConfigTable.Port))
            {
                if (!ports.TryAdd(port.Name, bridge)) return (port, $"there is another port {port.Name}, in bridge {ports[port.Name].Name}");
                if (port.Name != bridge.Name && bridges.ContainsKey(port.Name))
                    return (port, $"{port.Name} is the name of a bridge, and its own interface's");
            }
            var mirrors = new HashSet<string>();
            foreach (var mirror in bridge.Of(ConfigTable.Mirror))
            {
                if (!mirrors.Add(mirror.Name)) return (mirror, $"there is another mirror {mirror.Name}");
                foreach (var column in ConfigTable.Mirror.Columns.Where(column => column.Type == ConfigType.Port))
                {
                    var named = mirror.Columns.GetValueOrDefault(column.Name)?.Texts ?? [];
                    if (named.FirstOrDefault(name => bridge.Of(ConfigTable.Port).All(port => port.Name != name)) is { } missing)
                        return (mirror, $"{column.Name} names {missing}, and bridge {bridge.Name} has no port of that name");
                }
            }
        }
        return null;
    }

    /// <summary>What is wrong with a name; null where it can be one.</summary>
    public static string? NameFault(string name) =>
        name.Length == 0 || name.StartsWith('-') || name.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter))
            ? $"'{name}' was given, a name without blanks that does not begin with '-' is allowed"
            : null;
}
