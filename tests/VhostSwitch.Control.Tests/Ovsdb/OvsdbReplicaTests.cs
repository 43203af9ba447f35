using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.Tests.Ovsdb;

public class OvsdbReplicaTests
{
    [Fact]
    public void AChangeOfWhatOthersWriteIsAChangeOfTheConfiguration() => Assert.True(Change(Tables.With(), "\"type\": \"tap\"", "\"type\": \"dpdkvhostuser\""));

    [Fact]
    public void AChangeOfWhatTheSwitchWritesIsNone()
    {
        var replica = Tables.With();
        Assert.False(Change(replica, "\"type\": \"dpdkvhostuser\", \"ofport\": 1", "\"ofport\": [\"set\", []]"));
        Assert.Equal(1, replica.Find("Interface", Guid.Parse(Tables.Interface))!["ofport"].Number);
    }

    [Fact]
    public void ARowThatIsDeletedIsGone()
    {
        var replica = Tables.With();
        Assert.True(replica.Apply(Tables.Json($$"""{ "Port": { "{{Tables.Port}}": { "old": { "name": "p0" } } } }""")));
        Assert.Empty(replica.Rows("Port"));
    }

    [Fact]
    public void AColumnThatTheSchemaLacksIsEmpty() => Assert.Equal(0, Tables.With().Rows("Interface").Single()["no_such_column"].Count);

    [Theory]
    [InlineData("""{ "Flow_Table": {} }""")]
    [InlineData("""{ "Port": { "x": { "new": {} } } }""")]
    [InlineData("""{ "Port": 1 }""")]
    [InlineData("1")]
    public void RefusesWhatIsNoUpdate(string json) => Assert.Throws<OvsdbException>(() => new OvsdbReplica().Apply(Tables.Json(json)));

    private static bool Change(OvsdbReplica replica, string columns, string before) => replica.Apply(Tables.Json(
        $$"""{ "Interface": { "{{Tables.Interface}}": { "old": { {{before}} }, "new": { "name": "p0", {{columns}} } } } }"""));
}
