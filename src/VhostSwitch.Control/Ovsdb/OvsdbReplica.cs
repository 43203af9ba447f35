using System.Text.Json;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>A row as the database sent it last.</summary>
/// <param name="Id">Its UUID.</param>
/// <param name="Columns">The columns that are monitored.</param>
public sealed record OvsdbRow(Guid Id, IReadOnlyDictionary<string, OvsdbDatum> Columns)
{
    /// <summary>The value of a column; an empty one where the database's schema is older and does not have it.</summary>
    /// <param name="column">The column's name.</param>
    public OvsdbDatum this[string column] => Columns.GetValueOrDefault(column) ?? OvsdbDatum.Empty;
}

/// <summary>
/// The tables that are monitored, as they are in the database: what <c>monitor</c> answers, and the updates after it (RFC 7047, sections 4.1.5
/// and 4.1.6). Unlike those of <c>monitor_cond</c> they have whole rows, which need no schema to be read.
/// </summary>
public sealed class OvsdbReplica
{
    private readonly Dictionary<string, Dictionary<Guid, OvsdbRow>> _tables =
        OvsdbTables.All.ToDictionary(table => table.Name, _ => new Dictionary<Guid, OvsdbRow>());

    /// <summary>The rows of a table.</summary>
    /// <param name="table">The table's name.</param>
    public IReadOnlyCollection<OvsdbRow> Rows(string table) => _tables[table].Values;

    /// <summary>A row; null where there is none.</summary>
    /// <param name="table">The table's name.</param>
    /// <param name="id">The row's UUID.</param>
    public OvsdbRow? Find(string table, Guid id) => _tables[table].GetValueOrDefault(id);

    /// <summary>Puts a row in, or in the place of the one of its UUID.</summary>
    /// <param name="table">The table's name.</param>
    /// <param name="row">The row.</param>
    public void Put(string table, OvsdbRow row) => _tables[table][row.Id] = row;

    /// <summary>Takes over what has changed.</summary>
    /// <param name="updates">The <c>table-updates</c> of RFC 7047.</param>
    /// <returns>True where something has changed that others write, and not this switch.</returns>
    /// <exception cref="OvsdbException">It is no such thing.</exception>
    public bool Apply(JsonElement updates)
    {
        bool configurationChanged = false;
        try
        {
            foreach (var table in updates.EnumerateObject())
            {
                var known = OvsdbTables.All.FirstOrDefault(t => t.Name == table.Name)
                    ?? throw new OvsdbException($"the database sent table {table.Name} unasked");
                foreach (var update in table.Value.EnumerateObject())
                    configurationChanged |= Apply(known, Guid.Parse(update.Name), update.Value);
            }
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or ArgumentException)
        {
            throw new OvsdbException("the database sent an update that cannot be read", e);
        }
        return configurationChanged;
    }

    private bool Apply(OvsdbTable table, Guid id, JsonElement update)
    {
        var rows = _tables[table.Name];
        if (!update.TryGetProperty("new", out var now)) return rows.Remove(id);
        bool isNew = !rows.ContainsKey(id);
        rows[id] = new OvsdbRow(id, now.EnumerateObject().ToDictionary(column => column.Name, column => OvsdbDatum.Read(column.Value)));
        // Of a row that was there, "old" has the columns that have changed, as they were.
        return isNew || !update.TryGetProperty("old", out var old) || old.EnumerateObject().Any(column => table.Configuration.Contains(column.Name));
    }
}
