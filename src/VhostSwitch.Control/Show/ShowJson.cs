using System.Text.Json;
using System.Text.Json.Serialization;
using VhostSwitch.Control.Statistics;

namespace VhostSwitch.Control.Show;

/// <summary>The one JSON form of what the switch shows: snake_case names, members in the order of the records.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SwitchSnapshot))]
[JsonSerializable(typeof(IReadOnlyList<MacTableEntry>))]
[JsonSerializable(typeof(IReadOnlyList<DeviceStatistics>))]
public sealed partial class ShowJson : JsonSerializerContext
{
    /// <summary>Writes a snapshot.</summary>
    /// <param name="snapshot">The snapshot.</param>
    public static string Write(SwitchSnapshot snapshot) => JsonSerializer.Serialize(snapshot, Default.SwitchSnapshot);

    /// <summary>Writes the MAC table alone.</summary>
    /// <param name="entries">The addresses.</param>
    public static string Write(IReadOnlyList<MacTableEntry> entries) => JsonSerializer.Serialize(entries, Default.IReadOnlyListMacTableEntry);

    /// <summary>Writes device statistics.</summary>
    /// <param name="devices">The devices.</param>
    public static string Write(IReadOnlyList<DeviceStatistics> devices) => JsonSerializer.Serialize(devices, Default.IReadOnlyListDeviceStatistics);

    /// <summary>Reads what <see cref="Write(SwitchSnapshot)"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="JsonException">The text is no snapshot.</exception>
    public static SwitchSnapshot ReadSnapshot(string json) =>
        JsonSerializer.Deserialize(json, Default.SwitchSnapshot) ?? throw new JsonException("a snapshot is an object, not null");
}
