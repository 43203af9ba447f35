using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>
/// Changes in the words of <c>ovs-vsctl(8)</c>. One command line is one change, even where several commands stand in it with <c>--</c> between
/// them.
/// </summary>
internal static class ConfigEdit
{
    public const string MayExist = "--may-exist";
    public const string IfExists = "--if-exists";

    private const string Separator = "--";

    /// <summary>Reads a command line.</summary>
    /// <param name="command">The first command.</param>
    /// <param name="words">The words behind it.</param>
    /// <returns>The change; it throws <see cref="ConfigException"/> where the configuration is not as it needs it.</returns>
    /// <exception cref="ConfigException">The words are no such command.</exception>
    public static Func<ConfigRecord, ConfigRecord> Parse(string command, IReadOnlyList<string> words)
    {
        var edits = new List<Func<ConfigRecord, ConfigRecord>>();
        List<string> rest = [command, .. words];
        while (rest.Count > 0)
        {
            int end = rest.IndexOf(Separator) is var at and >= 0 ? at : rest.Count;
            edits.Add(ParseOne(rest[..end]));
            rest = rest[Math.Min(end + 1, rest.Count)..];
        }
        return root => edits.Aggregate(root, (now, edit) => edit(now));
    }

    private static Func<ConfigRecord, ConfigRecord> ParseOne(List<string> words)
    {
        // ovs-vsctl has its options before the command; behind it they are as clear.
        var options = words.TakeWhile(IsOption).ToList();
        words = words[options.Count..];
        string name = words.FirstOrDefault() ?? throw new ConfigException("a command is missing beside '--'");
        var command = ConfigCommands.Changes.FirstOrDefault(known => known.Name == name)
            ?? throw new ConfigException(ConfigTable.Unknown(name, ConfigCommands.Changes.Select(known => known.Name)));
        options.AddRange(words.Skip(1).TakeWhile(IsOption));
        words = [.. words.Skip(1).SkipWhile(IsOption)];
        if (options.FirstOrDefault(option => option != command.Option) is { } wrong)
            throw new ConfigException($"{wrong} is no option of {name}, which has {command.Option}: {command.Synopsis}");
        if (words.Count < command.Fewest || words.Count > command.Most) throw new ConfigException($"{name} is used so: {command.Synopsis}");
        bool isTolerant = options.Count > 0;
        return name switch
        {
            "add-br" => root => Add(root, root, ConfigTable.Bridge, words[0], words.Skip(1), isTolerant),
            "add-port" => root => Add(root, Bridge(root, words[0]), ConfigTable.Port, words[1], words.Skip(2), isTolerant),
            "add-mirror" => root => Add(root, Bridge(root, words[0]), ConfigTable.Mirror, words[1], words.Skip(2), isTolerant),
            "del-br" => root => Remove(root, ConfigTable.Bridge, null, words[0], isTolerant),
            "del-port" => root => Remove(root, ConfigTable.Port, words.Count > 1 ? words[0] : null, words[^1], isTolerant),
            "del-mirror" => root => Remove(root, ConfigTable.Mirror, words[0], words[1], isTolerant),
            "set" => root => Change(root, words, Assign, isTolerant),
            "clear" => root => Change(root, words, Clear, isTolerant),
            _ => root => Change(root, [.. words.Take(2), .. words.Skip(3).Select(key => $"{words[2]}:{key}")], RemoveElement, isTolerant),
        };
    }

    private static bool IsOption(string word) => word.StartsWith("--", StringComparison.Ordinal);

    private static ConfigRecord Add(
        ConfigRecord root, ConfigRecord parent, ConfigTable table, string name, IEnumerable<string> assignments, bool mayExist)
    {
        if (ConfigRecord.NameFault(name) is { } fault) throw new ConfigException($"{table} {name}: {fault}");
        var (owner, present) = Find(root, table, name);
        // Mirrors of two bridges may have one name.
        if (table == ConfigTable.Mirror && owner != parent) present = null;
        if (present is not null && !mayExist)
        {
            string where = owner == root ? "" : $", in bridge {owner!.Name}";
            throw new ConfigException($"there is a {table} {name} already{where}: {MayExist} takes it as it is");
        }
        if (present is not null && owner != parent)
            throw new ConfigException($"the {table} {name} is there, but in bridge {owner!.Name} and not in {parent.Name}");
        var record = assignments.Aggregate(present ?? new ConfigRecord(table, name), Assign);
        var after = present is null ? parent with { Children = parent.Children.Add(record) } : parent.With(present, record);
        return parent == root ? after : root.With(parent, after);
    }

    private static ConfigRecord Remove(ConfigRecord root, ConfigTable table, string? bridge, string name, bool ifExists)
    {
        if (bridge is not null && ifExists && Find(root, ConfigTable.Bridge, bridge).Record is null) return root;
        var parent = bridge is null ? null : Bridge(root, bridge);
        var (owner, record) = table == ConfigTable.Mirror
            ? (parent, parent!.Of(table).FirstOrDefault(mirror => mirror.Name == name))
            : Find(root, table, name);
        if (record is null) return ifExists ? root : throw Missing(root, table, name);
        if (parent is not null && owner != parent)
            throw new ConfigException($"the {table} {name} is in bridge {owner!.Name} and not in {parent.Name}");
        var after = owner! with { Children = owner.Children.Remove(record) };
        return owner == root ? after : root.With(owner, after);
    }

    private static ConfigRecord Change(ConfigRecord root, List<string> words, Func<ConfigRecord, string, ConfigRecord> change, bool ifExists)
    {
        var table = Table(words[0]);
        var (owner, record) = Find(root, table, words[1]);
        if (record is null) return ifExists ? root : throw Missing(root, table, words[1]);
        var after = words.Skip(2).Aggregate(record, change);
        return record == root ? after : owner == root ? root.With(record, after) : root.With(owner!, owner!.With(record, after));
    }

    private static ConfigRecord Assign(ConfigRecord record, string word)
    {
        int at = word.IndexOf('=');
        if (at <= 0) throw new ConfigException($"'{word}' was given, column=value is allowed, or column:key=value");
        var (column, key) = Column(record, word[..at], word);
        string value = word[(at + 1)..];
        // ovs-vsctl wants quotation marks around what has a colon, for one.
        if (value is ['"', .. var inner, '"']) value = inner;
        switch (column.Shape)
        {
            case ConfigShape.Map when key is null:
                throw new ConfigException($"{word}: {column.Name} has keys: {column.Name}:KEY=VALUE is allowed, "
                    + $"with {string.Join(", ", column.Keys.Select(known => known.Name))}");
            case ConfigShape.Map:
                var map = Map(record, column);
                map[key!.Name] = Atom(key.Type, value, word).Text;
                return record.With(column.Name, OvsdbDatum.Of(map));
            case ConfigShape.Set:
                string[] elements = value.Trim('[', ']').Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
                return record.With(column.Name, OvsdbDatum.Of(elements.Select(element => Atom(column.Type, element, word))));
            default:
                return record.With(column.Name, value == "[]" ? OvsdbDatum.Empty : OvsdbDatum.Of([Atom(column.Type, value, word)]));
        }
    }

    private static ConfigRecord Clear(ConfigRecord record, string word)
    {
        var (column, key) = Column(record, word, word);
        return key is null ? record.With(column.Name, OvsdbDatum.Empty) : RemoveElement(record, word);
    }

    // An element that is not there is gone already, says ovs-vsctl.
    private static ConfigRecord RemoveElement(ConfigRecord record, string word)
    {
        string[] parts = word.Split(':', 2);
        var (column, _) = Column(record, parts[0], word);
        if (column.Shape == ConfigShape.Map)
        {
            var map = Map(record, column);
            map.Remove(Column(record, word, word).Key!.Name);
            return record.With(column.Name, OvsdbDatum.Of(map));
        }
        var removed = Atom(column.Type, parts[1], word);
        var left = record.Columns.GetValueOrDefault(column.Name)?.Texts.Where(text => text != removed.Text) ?? [];
        return record.With(column.Name, OvsdbDatum.Of(left.Select(text => new OvsdbAtom(column.Type.Kind, text))));
    }

    private static (ConfigColumn Column, ConfigColumn? Key) Column(ConfigRecord record, string word, string given)
    {
        string[] parts = word.Split(':', 2);
        string name = parts[0].Replace('-', '_');
        var column = record.Table.Find(name)
            ?? throw new ConfigException($"{given}: {ConfigTable.Unknown(name, record.Table.Columns.Select(known => known.Name))}");
        if (parts.Length == 1) return (column, null);
        if (column.Shape != ConfigShape.Map) throw new ConfigException($"{given}: {name} has no keys: {name}=VALUE is allowed");
        var key = column.Keys.FirstOrDefault(known => known.Name == parts[1])
            ?? throw new ConfigException($"{given}: {ConfigTable.Unknown(parts[1], column.Keys.Select(known => known.Name))}");
        return (column, key);
    }

    private static Dictionary<string, string> Map(ConfigRecord record, ConfigColumn column) =>
        record.Columns.GetValueOrDefault(column.Name)?.Map.ToDictionary() ?? [];

    private static OvsdbAtom Atom(ConfigType type, string text, string given) =>
        type.Read(text) ?? throw new ConfigException($"{given}: {type.Refusal(text)}");

    // As ovs-vsctl takes them: in any case, and shortened.
    private static ConfigTable Table(string word)
    {
        string name = word.Replace('-', '_');
        var found = ConfigTable.All.Where(table => name.Length > 0
            && table.DatabaseTables.Any(known => known.StartsWith(name, StringComparison.OrdinalIgnoreCase))).ToList();
        return found.Count == 1 ? found[0]
            : throw new ConfigException($"table {word}: {string.Join(", ", ConfigTable.All.SelectMany(table => table.DatabaseTables))} are allowed");
    }

    private static (ConfigRecord? Owner, ConfigRecord? Record) Find(ConfigRecord root, ConfigTable table, string name)
    {
        if (table == ConfigTable.Switch) return (null, name == "." ? root : null);
        if (table == ConfigTable.Bridge) return (root, root.Of(table).FirstOrDefault(bridge => bridge.Name == name));
        var found = from bridge in root.Of(ConfigTable.Bridge)
                    from record in bridge.Of(table)
                    where record.Name == name
                    select ((ConfigRecord?)bridge, (ConfigRecord?)record);
        return found.FirstOrDefault();
    }

    private static ConfigRecord Bridge(ConfigRecord root, string name) =>
        Find(root, ConfigTable.Bridge, name).Record ?? throw Missing(root, ConfigTable.Bridge, name);

    private static ConfigException Missing(ConfigRecord root, ConfigTable table, string name)
    {
        if (table == ConfigTable.Switch) return new ConfigException($"record {name}: '.' is the only one of the switch");
        var all = table == ConfigTable.Bridge ? root.Of(table) : root.Of(ConfigTable.Bridge).SelectMany(bridge => bridge.Of(table));
        var names = all.Select(record => record.Name).ToList();
        string there = names.Count == 0 ? "none" : string.Join(", ", names);
        string nearest = NearestName.Of(name, names) is { } near && names.Count > 1 ? $"; the nearest is {near}" : "";
        return new ConfigException($"there is no {table} {name}: there are {there}{nearest}");
    }
}
